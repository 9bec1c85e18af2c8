/**
 * Errors of Node and of the operating system, by their codes.
 *
 * Opens no other room's door, so that the writer thread starts without loading the whole house.
 *
 * @module
 */

/** The `code` of an error of Node or the operating system: `ENOSPC`, `EADDRINUSE`, … */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
