/**
 * The keys by which this site signs its tokens: made here, sealed, and changed each quarter.
 *
 * ES256, for that is what every client of OpenID Connect verifies. A token lives for an hour at most
 * and opens nothing that was recorded before: a quantum computer that forges one later comes too late.
 *
 * @module
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { DAY_MS, Exactly, newTimeUuid, Octets, UuidText, Whole, type Clock } from '#base'
import { SealedRows, type RowsInput } from '../sealed-rows.ts'
import type { TokenKey, TokenSigner } from '../signed-tokens.ts'

const KeyShape = Exactly({ kid: UuidText, since: Whole(0), pkcs8: Octets(64, 512) })

/** A key of ours: to sign, to verify, and to publish. */
export interface SiteTokenKey extends TokenSigner, TokenKey {
  readonly algorithm: 'ES256'
}

/** Owns the keys that it has read. */
export class TokenKeys {
  readonly #input: RowsInput & { readonly clock: Clock }
  readonly #rows: SealedRows<typeof KeyShape>
  /** Newest first. */
  #keys: readonly (SiteTokenKey & { readonly since: number })[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(input: RowsInput & { readonly clock: Clock }) {
    this.#input = input
    this.#rows = new SealedRows(input, { kind: 'token-key', shape: KeyShape, octetsMax: 4096 })
  }

  /** Keys whose tokens may be good yet, newest first: that one signs. */
  async all(): Promise<readonly [SiteTokenKey, ...SiteTokenKey[]]> {
    const newest = this.#keys.at(0)
    const older = this.#keys.slice(1)
    const now = this.#input.clock.now()
    if (newest === undefined || now - newest.since >= CHANGE_MS) {
      const renewed = this.#turn.then(() => this.#renew())
      this.#turn = renewed.catch(() => undefined)
      await renewed
      return await this.all()
    }
    // The next newer one began when this one ended to sign.
    const standing = older.filter((_, at) => now - this.#keys[at].since < KEPT_MS)
    return [newest, ...standing]
  }

  async #renew(): Promise<void> {
    const { store, clock, random } = this.#input
    const now = clock.now()
    const rows = await this.#rows.list({ limit: ROWS_MAX })
    this.#keys = rows.map(({ value }) => keyOf(value)).toReversed()
    const newest = this.#keys.at(0)
    if (newest !== undefined && now - newest.since < CHANGE_MS) return
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pkcs8 = new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }))
    const kid = newTimeUuid(random, now)
    const old = rows.filter(({ value }) => now - value.since >= 2 * CHANGE_MS)
    await store.commit([
      ...this.#rows.insert(kid, { kid, since: now, pkcs8 }),
      ...old.flatMap((row) => this.#rows.remove(row)),
    ])
    this.#keys = [keyOf({ kid, since: now, pkcs8 }), ...this.#keys]
  }
}

function keyOf({ kid, since, pkcs8 }: { kid: string; since: number; pkcs8: Uint8Array }) {
  const der = { key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' } as const
  const privateKey: KeyObject = createPrivateKey(der)
  const publicKey = createPublicKey(privateKey)
  return { kid, since, algorithm: 'ES256' as const, privateKey, publicKey }
}

const CHANGE_MS = 90 * DAY_MS
/** Longer than any token lives. */
const KEPT_MS = DAY_MS
const ROWS_MAX = 16
