/**
 * HTTP statuses as Bundles spell them: number and words.
 *
 * @module
 */

/** `201 Created`. */
export const httpStatus = (status: number): string =>
  WORDS[status] === undefined ? String(status) : `${status} ${WORDS[status]}`

const WORDS: Readonly<Partial<Record<number, string>>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  304: 'Not Modified',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  410: 'Gone',
  412: 'Precondition Failed',
  422: 'Unprocessable Content',
}
