/**
 * curl as an application: with the certificate in a folder, against the KME of one site.
 *
 * @module
 */

import { run } from '../support/processes.ts'

/** What curl saw of one exchange. */
export interface CurlAnswer {
  /** Exit status of curl: 0 whenever it got an answer, whatever that says. */
  readonly exit: number | null
  /** HTTP status; 0 without an answer. */
  readonly status: number
  readonly httpVersion: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly stderr: string
}

export interface CurlOptions {
  readonly program: string
  /** Where key.pem, cert.pem and ca.pem lie. */
  readonly folder: string
  readonly port: number
}

/** The options by which an application shows its certificate, as docs/reference/etsi-014.md has them. */
export const CERTIFICATE = ['--cert', 'cert.pem', '--key', 'key.pem', '--cacert', 'ca.pem'] as const

/** Asks for a path below `/api/v1/keys/`. */
export async function curl(
  { program, folder, port }: CurlOptions,
  path: string,
  args: readonly string[] = [],
  certificate: readonly string[] = CERTIFICATE,
): Promise<CurlAnswer> {
  const url = `https://localhost:${String(port)}/api/v1/keys/${path}`
  // The mark divides what the server sent from what curl adds.
  const facts = [
    '--silent',
    '--show-error',
    '--include',
    '--write-out',
    `${MARK}%{http_code} %{http_version}`,
  ]
  const quiet = ['--disable', '--max-time', '30', ...facts]
  const ended = await run(program, [...quiet, ...certificate, ...args, url], { cwd: folder })
  const [sent, told = '0 0'] = ended.stdout.split(MARK)
  const [status, httpVersion] = told.split(' ')
  const { headers, body } = partsOf(sent)
  const { stderr } = ended
  return { exit: ended.status, status: Number(status), httpVersion, headers, body, stderr }
}

/** The last header block, after any interim answers, and the body. */
function partsOf(sent: string): Pick<CurlAnswer, 'headers' | 'body'> {
  let [head, ...rest] = sent.split('\r\n\r\n')
  while (rest.length > 1 && /^HTTP\/1\.1 1\d\d/.test(head)) [head, ...rest] = rest
  const lines = head.split('\r\n').slice(1)
  const headers = lines.map((line) => {
    const at = line.indexOf(':')
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const
  })
  return { headers: Object.fromEntries(headers), body: rest.join('\r\n\r\n') }
}

const MARK = '\n<curl>'
