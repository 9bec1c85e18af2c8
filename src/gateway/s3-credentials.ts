/**
 * The access key of an object storage, in a file of its own that nobody else may read.
 *
 * @module
 */

import { readFileSync, statSync } from 'node:fs'
import { door, Exactly, Text, Type } from '#base'
import { GatewayRefusal } from './refusal.ts'
import { systemCode } from './system.ts'

/**
 * Reads an access key. No refusal shows what the file holds.
 *
 * @throws GatewayRefusal `PERMISSION_DENIED`, `PERMISSION_TOO_OPEN`, `CREDENTIALS_INVALID`
 */
export function credentialsIn(file: string) {
  const text = textOf(file)
  try {
    return parsed(JSON.parse(text))
  } catch {
    // Without a cause: the message of a parser repeats what it choked on.
    const message = `Expected {"accessKeyId": …, "secretAccessKey": …} in ${file}`
    throw new GatewayRefusal('CREDENTIALS_INVALID', message, { facts: { file } })
  }
}

function textOf(file: string): string {
  const facts = { file }
  try {
    const { mode, size } = statSync(file)
    if ((mode & 0o077) !== 0) {
      const message = `Other accounts can read ${file}; it must have mode 0600 (chmod 600)`
      throw new GatewayRefusal('PERMISSION_TOO_OPEN', message, { facts })
    }
    return size > FILE_OCTETS_MAX ? '' : readFileSync(file, 'utf8')
  } catch (cause) {
    if (cause instanceof GatewayRefusal) throw cause
    const known = { ...facts, system: systemCode(cause) ?? 'unknown' }
    throw new GatewayRefusal('PERMISSION_DENIED', `Cannot read ${file}`, { cause, facts: known })
  }
}

const parsed = door(
  Exactly({
    accessKeyId: Text(256, 1),
    secretAccessKey: Text(256, 1),
    /** Of temporary access keys. */
    sessionToken: Type.Optional(Text(4096, 1)),
  }),
  'access key',
)

const FILE_OCTETS_MAX = 16 * 1024
