/**
 * A sealed site on its way to be opened: takes a passphrase, or shares one at a time.
 *
 * Offers are looked at one after another. A wrong one is named, noted in the log and answered late,
 * the later the more there were. Shares that wait for others are forgotten after a while.
 *
 * Whoever reads the memory of the process while shares wait in it gets those shares.
 *
 * @module
 */

import {
  Refusal,
  utf8,
  type Cancel,
  type Clock,
  type Disk,
  type Log,
  type SecretBytes,
} from '#base'
import type { SealView } from '#contract'
import { readFile, rootKeyForm, secretIn, type RootKeyForm } from './forms.ts'
import { RootKeyRefusal } from './refusal.ts'
import { withTrunk, type RootKey } from './root-key.ts'
import { checkShare, readShare, rootOfShares, type Ceremony, type Share } from './shares.ts'

/** What the log of a site says about how it was opened. */
export interface Unsealed {
  readonly root: RootKey
  readonly form: SealView['form']
  /** Wrong offers before the good ones. */
  readonly refused: number
}

/** Owns the shares given so far. Made by `openUnsealing`. */
export class Unsealing implements Disposable {
  /** Resolves when the root key is there; whoever takes it disposes it. */
  readonly opened: Promise<Unsealed>
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #log: Log
  readonly #form: RootKeyForm
  readonly #given = new Map<number, Share>()
  readonly #open: (unsealed: Unsealed) => void
  #isOpening = false
  #refused = 0
  #waiting = 0
  #turn: Promise<unknown> = Promise.resolve()
  #forget: Cancel = () => undefined

  constructor(input: UnsealingPorts & { readonly form: RootKeyForm }) {
    this.#disk = input.disk
    this.#clock = input.clock
    this.#log = input.log
    this.#form = input.form
    const { promise, resolve } = Promise.withResolvers<Unsealed>()
    this.opened = promise
    this.#open = resolve
  }

  get view(): SealView {
    const state = this.#isOpening ? 'opening' : 'sealed'
    const given = [...this.#given.keys()].toSorted((a, b) => a - b)
    return { ...sealViewOf(this.#form, state), given, refused: this.#refused }
  }

  /**
   * Takes a passphrase or a share.
   *
   * @returns how it stands then
   * @throws RootKeyRefusal what is wrong with it, after a while
   */
  async offer(secret: string): Promise<SealView> {
    if (this.#waiting >= WAITING_MAX) {
      throw new RootKeyRefusal('UNSEAL_TRY_AGAIN', 'Others are giving their shares: wait a little')
    }
    this.#waiting++
    const turn = this.#turn.then(() => this.#look(secret))
    this.#turn = turn.catch(() => undefined).finally(() => this.#waiting--)
    return await turn
  }

  async #look(secret: string): Promise<SealView> {
    if (this.#isOpening) return this.view
    try {
      await (this.#form.form === 'shares'
        ? this.#takeShare(this.#form, secret)
        : this.#takePassphrase(secret))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      await this.#punish(error as Refusal)
      throw error
    }
    return this.view
  }

  async #takePassphrase(secret: string): Promise<void> {
    const passphrase = utf8(secret)
    try {
      await this.#finish(await secretIn(await readFile(this.#disk), passphrase))
    } finally {
      passphrase.fill(0)
    }
  }

  async #takeShare(kept: Ceremony, line: string): Promise<void> {
    const share = readShare(line)
    checkShare(kept, share)
    if (this.#given.has(share.number)) {
      const message = `Share ${share.number} has been given already: another is needed`
      throw new RootKeyRefusal('SHARE_REPEATED_DENIED', message)
    }
    this.#given.set(share.number, share)
    this.#log.write('info', 'unseal-share-taken', {
      number: share.number,
      given: this.#given.size,
      threshold: kept.threshold,
    })
    this.#forget()
    if (this.#given.size < kept.threshold) {
      this.#forget = this.#clock.after(PATIENCE_MS, () => this.#forgetShares())
      return
    }
    try {
      await this.#finish(await rootOfShares(kept, [...this.#given.values()]))
    } finally {
      this.#clear()
    }
  }

  /** @param secret   of the root key; taken over */
  async #finish(secret: SecretBytes): Promise<void> {
    const root = await withTrunk(this.#disk, secret)
    this.#isOpening = true
    this.#open({ root, form: this.#form.form, refused: this.#refused })
  }

  /** A wrong offer is noted, and its answer waits. */
  async #punish({ code }: Refusal): Promise<void> {
    this.#refused++
    this.#log.write('warning', 'unseal-refused', { code, refused: this.#refused })
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const delayMs = Math.min(DELAY_MS * 2 ** (this.#refused - 1), DELAY_MS_MAX)
    this.#clock.after(delayMs, () => resolve(undefined))
    await promise
  }

  #forgetShares(): void {
    this.#log.write('warning', 'unseal-shares-forgotten', { given: this.#given.size })
    this.#clear()
  }

  #clear(): void {
    for (const { octets } of this.#given.values()) octets.fill(0)
    this.#given.clear()
  }

  [Symbol.dispose](): void {
    this.#forget()
    this.#clear()
  }
}

export interface UnsealingPorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
}

/** @throws RootKeyRefusal `ROOT_KEY_MISSING`, `ROOT_KEY_DAMAGED` */
export async function openUnsealing(ports: UnsealingPorts): Promise<Unsealing> {
  return new Unsealing({ ...ports, form: await rootKeyForm(ports.disk) })
}

/** How a root key lies, as clients are shown it, with nothing given. */
export function sealViewOf(form: RootKeyForm, state: SealView['state']): SealView {
  const none = { threshold: 0, shares: 0, ceremony: null }
  const about =
    form.form === 'shares'
      ? {
          threshold: form.threshold,
          shares: form.tags.length,
          ceremony: form.ceremony.toHex(),
        }
      : none
  return { state, form: form.form, ...about, given: [], refused: 0 }
}

/** Offers that wait for those before them. */
const WAITING_MAX = 8
/** After the first wrong offer, doubled with each further one. */
const DELAY_MS = 1000
const DELAY_MS_MAX = 60_000
/** How long shares wait for the next. */
const PATIENCE_MS = 15 * 60_000
