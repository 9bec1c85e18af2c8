/**
 * Files that a person names on the command line.
 *
 * @module
 */

import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { CliRefusal } from './exit.ts'

/** @throws CliRefusal `FILE_UNREADABLE` */
export function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** @throws CliRefusal `FILE_UNREADABLE` */
export const readText = (path: string): string => new TextDecoder().decode(readFile(path))

/** Writes a file that holds no secret, over what was there. @throws CliRefusal `FILE_UNWRITABLE` */
export function writeFile(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (cause) {
    throw new CliRefusal('FILE_UNWRITABLE', `Cannot write ${path}`, { cause })
  }
}

/**
 * Makes a file that must not be there yet, readable by its owner only, and then what goes into it.
 *
 * @param make   not called if the file cannot be made; if it rejects, the file goes again
 * @throws CliRefusal `FILE_UNWRITABLE`
 */
export async function intoNewFile(path: string, make: () => Promise<Uint8Array>): Promise<void> {
  let file
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (cause) {
    throw new CliRefusal('FILE_UNWRITABLE', `Cannot make the file ${path}`, { cause })
  }
  try {
    writeFileSync(file, await make(), { flush: true })
  } catch (error) {
    rmSync(path)
    throw error
  } finally {
    closeSync(file)
  }
}

export const unreadable = (path: string, cause: unknown): CliRefusal =>
  new CliRefusal('FILE_UNREADABLE', `Cannot read ${path}`, { cause })
