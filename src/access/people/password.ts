/**
 * Passwords: hashed with argon2id, compared without saying how far they were right.
 *
 * Hashing costs 46 MiB and some 50 ms of one core, off the main thread. At most a few
 * run at a time, so that guessing takes no memory from the rest of the site.
 *
 * Does not look whether a password is in a list of leaked ones: no request leaves the site.
 *
 * @see RFC 9106 (argon2id), SP 800-63B §3.1.1, OWASP Password Storage Cheat Sheet
 * @module
 */

import { argon2 } from 'node:crypto'
import { Exactly, Octets, utf8, type RandomSource, type Static } from '#base'
import { sameSecret } from '#crypto'
import { AccessRefusal } from '../refusal.ts'

/** What is kept of a password. */
export const PasswordShape = Exactly({ salt: Octets(16), hash: Octets(32) })
export type KeptPassword = Static<typeof PasswordShape>

/** @throws AccessRefusal `ACCESS_PASSWORD_INVALID` if it is too short, too long or the login name */
export function checkPassword(password: string, login: string): void {
  const characters = Array.from(password.normalize('NFC')).length
  if (characters < CHARACTERS_MIN || characters > CHARACTERS_MAX) {
    const range = `${CHARACTERS_MIN} to ${CHARACTERS_MAX}`
    const message = `A password has ${range} characters, got ${characters}`
    throw new AccessRefusal('ACCESS_PASSWORD_INVALID', message)
  }
  const plain = password.toLowerCase()
  if (plain.includes(login.toLowerCase()) || new Set(plain).size < DIFFERENT_MIN) {
    const message = `A password does not hold the login name, and has ${DIFFERENT_MIN} different characters`
    throw new AccessRefusal('ACCESS_PASSWORD_INVALID', message)
  }
}

/** What is to be kept of a password that was checked. @throws AccessRefusal as `isPassword` */
export async function keptPassword(password: string, random: RandomSource): Promise<KeptPassword> {
  const salt = random.octets(16)
  return { salt, hash: await hashOf(password, salt) }
}

/**
 * Whether this is the password. Takes as long where none is kept.
 *
 * @throws AccessRefusal `ACCESS_SIGN_IN_BUSY` if too many are being compared already
 */
export async function isPassword(
  password: string,
  kept: KeptPassword | undefined,
): Promise<boolean> {
  const hash = await hashOf(password, kept?.salt ?? NOBODY)
  return kept !== undefined && sameSecret(hash, kept.hash)
}

async function hashOf(password: string, salt: Uint8Array): Promise<Uint8Array> {
  if (underWay >= HASHES_MAX) {
    throw new AccessRefusal('ACCESS_SIGN_IN_BUSY', 'Too many people sign in just now; try again')
  }
  underWay++
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const input = { message: utf8(password.normalize('NFC')), nonce: salt, ...COST }
    argon2('argon2id', input, (error, hash) => {
      if (error === null) resolve(new Uint8Array(hash))
      else reject(error)
    })
    return await promise
  } finally {
    underWay--
  }
}

/** Hashes under way in this process: each takes 46 MiB, and a thread of the pool. */
let underWay = 0
const HASHES_MAX = 8
/**
 * The first setting of the OWASP Password Storage Cheat Sheet. The root key has a dearer one: there
 * a second factor is missing, and the guesses are not counted.
 */
const COST = { parallelism: 1, tagLength: 32, memory: 47_104, passes: 1 } as const
const NOBODY = new Uint8Array(16)
const CHARACTERS_MIN = 12
const CHARACTERS_MAX = 256
const DIFFERENT_MIN = 5
