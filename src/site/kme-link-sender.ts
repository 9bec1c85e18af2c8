/**
 * The transmitting end of a link from a vendor's KME: asks it for keys while the pool wants some, and
 * makes blocks of them with the other end.
 *
 * A block is `keysPerBlock` keys, one after the other; a KME that runs dry before gives a smaller
 * one. Their key_IDs go to the other end, which fetches them from the KME there; both compare
 * digests under the secret of a signed session, store, and put the block to use, the other end
 * first. After any failure whose outcome is not known the link is opened anew, which settles what
 * both hold. No key is asked for twice, and none that was lost is asked after.
 *
 * @module
 */

import {
  bitsOf,
  logFacts,
  noteOf,
  OpenedSecret,
  type Refusal,
  type SecretBytes,
  type SecretSupply,
  type Uuid,
} from '#base'
import { sameSecret } from '#crypto'
import { askingOpening, KEY_BITS_LEAST, settledOpening } from '#keystore'
import { dropForeignKeys, type ForeignKey } from '#kme'
import { originOf, termsDigest, type KmeLinkContext } from './kme-link-context.ts'
import { joined, KeyInspector } from './kme-link-keys.ts'
import {
  blockDigest,
  blockOctets,
  offerOctets,
  openingOctets,
  readDigest,
  readOpening,
  type KmeBlock,
} from './kme-link-messages.ts'
import { KmeLinkRefusal } from './kme-link-refusal.ts'

export interface KmeSenderInput extends KmeLinkContext {
  readonly keysPerBlock: number
  /** Bits in the smaller half of the pool below which more keys are asked for. */
  readonly targetBits: number
  /** How long a KME without keys is left alone. */
  readonly pollMs: number
  /** By which the ends compare keys. */
  readonly secrets: SecretSupply
  readonly isSuspended: () => boolean
  /** Resolves once the other site can be asked. */
  readonly reach: () => Promise<void>
  readonly ask: (
    method: 'open' | 'collect' | 'confirm',
    payload: Uint8Array,
    timeoutMs: number,
  ) => Promise<Uint8Array>
  /** A block is in use. Must not throw. */
  readonly made: (octets: number) => void
  /** A try has failed, or, without an error, gone well. Must not throw. */
  readonly tried: (error: unknown) => void
}

export class KmeSender {
  readonly #input: KmeSenderInput
  readonly #inspector: KeyInspector
  #open: { readonly epoch: number; sequence: number } | undefined
  readonly #secret: OpenedSecret
  /** Keys for the next block: nobody else has them, and the other end has not heard of them. */
  #gathered: ForeignKey[] = []
  #failures = 0
  /** After a try that has failed, until its pause is over. */
  #isResting = false
  #running = false
  #stopped = false
  #cancel: (() => void) | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(input: KmeSenderInput) {
    this.#input = input
    this.#inspector = new KeyInspector(input.random)
    const { secrets, terms } = input
    this.#secret = new OpenedSecret(() => secrets.open(terms.receiver), BLOCKS_PER_SESSION)
  }

  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /** Looks whether keys are wanted; to be called when some have gone. */
  kick(): void {
    if (!this.#running && !this.#stopped && !this.#isResting) this.#go()
  }

  /** Begins anew at once, whatever has failed before, and settles what both ends hold. */
  retry(): void {
    this.#open = undefined
    this.#failures = 0
    this.#isResting = false
    this.kick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    await this.#ended
    this.#secret[Symbol.dispose]()
    this.#dropGathered()
    this.#inspector[Symbol.dispose]()
  }

  #go(): void {
    this.#running = true
    this.#isResting = false
    this.#cancel?.()
    this.#ended = this.#run().finally(() => {
      this.#running = false
      if (this.#stopped) return
      const { clock, pollMs } = this.#input
      // Nobody is asked more often while there is nothing to be had.
      const afterMs = Math.min(Math.max(PAUSE_MS_MAX, pollMs), pollMs * 2 ** this.#failures)
      this.#cancel = clock.after(afterMs, () => this.#go())
    })
  }

  async #run(): Promise<void> {
    const { isSuspended, tried, log, terms } = this.#input
    try {
      if (this.#open === undefined) await this.#reopen()
      while (!this.#hasStopped() && !isSuspended() && this.#isWanted()) {
        await this.#makeBlock()
        this.#failures = 0
        tried(undefined)
      }
      if (this.#failures > 0) tried(undefined)
      this.#failures = 0
    } catch (error) {
      // An empty KME is asked again as often as configured; all else less and less often.
      const isEmpty = noteOf(error).code === 'KME_CLIENT_EXHAUSTED'
      this.#isResting = true
      this.#failures = isEmpty ? 0 : Math.min(this.#failures + 1, FAILURES_COUNTED)
      tried(error)
      if (!isEmpty) log.write('info', 'kme-link.waits', { link: terms.link, ...logFacts(error) })
    }
  }

  #hasStopped(): boolean {
    return this.#stopped
  }

  /** Whether either half is below what is wanted, and there is room for another block. */
  #isWanted(): boolean {
    const { keystore, terms, targetBits, keysPerBlock } = this.#input
    const { links } = keystore.pool(terms.receiver)
    const pool = links.find(({ link }) => link === terms.link)
    if (pool === undefined) return false
    const { availableBits, peerBits } = pool
    const blockBits = keysPerBlock * terms.keyBits
    const isRoom = availableBits + peerBits + blockBits <= keystore.limits.linkOctetsMax * 8
    return isRoom && Math.min(availableBits, peerBits) < targetBits
  }

  /** Settles with the other end what both hold. */
  async #reopen(): Promise<void> {
    const { keystore, ask, terms } = this.#input
    const { link, receiver } = terms
    const own = await askingOpening(keystore, link)
    const question = openingOctets({ link, terms: termsDigest(terms), ...own })
    const answer = readOpening(await ask('open', question, OPEN_TIMEOUT_MS))
    this.#open = await settledOpening(keystore, { link, peer: receiver }, answer)
  }

  async #makeBlock(): Promise<void> {
    const { reach, terms, made } = this.#input
    if (this.#open === undefined) await this.#reopen()
    // Keys are asked for only when the other end can be told of them.
    await reach()
    const { session, secret } = await this.#secret.use()
    await this.#gather()
    const open = this.#open
    if (open === undefined) throw epochPassed()
    const block = { link: terms.link, epoch: open.epoch, sequence: open.sequence++ }
    const keys = this.#gathered
    this.#gathered = []
    const octets = joined(keys)
    dropForeignKeys(keys)
    try {
      await this.#offer(block, { session, secret, octets, ids: keys.map(({ id }) => id) })
      await this.#keep(block, octets)
      made(octets.length)
    } catch (error) {
      // The other end may have stored it: only an opening can tell.
      this.#open = undefined
      if (noteOf(error).code === 'KME_LINK_SESSION_UNKNOWN') this.#secret[Symbol.dispose]()
      throw error
    } finally {
      octets.fill(0)
    }
  }

  /** Asks the KME until there are keys for a block, or it has no more and these are enough. */
  async #gather(): Promise<void> {
    const { client, terms, keysPerBlock } = this.#input
    const { receiverSae: slave, keyBits: sizeBits } = terms
    const number = keysPerBlock - this.#gathered.length
    if (number <= 0) return
    try {
      for await (const keys of client.encKeysInParts(slave, { number, sizeBits })) {
        this.#gathered.push(...keys)
        this.#inspector.takeIds(keys.map(({ id }) => id))
        this.#inspector.takeKeys(keys)
      }
    } catch (error) {
      const { code } = noteOf(error)
      if (code === 'KME_LINK_KEYS_SUSPICIOUS') this.#dropGathered()
      const isEnough = this.#gathered.length * sizeBits >= KEY_BITS_LEAST
      if (!NOTHING_GONE.has(code) || !isEnough) throw error
    }
  }

  /** Has the other end fetch and store the block, and sees that it is the same. */
  async #offer(
    block: KmeBlock,
    by: {
      readonly session: Uuid
      readonly secret: SecretBytes
      readonly ids: readonly string[]
      readonly octets: Uint8Array
    },
  ): Promise<void> {
    const { session, ids, octets } = by
    const secret = by.secret.reveal()
    const about = { ...block, session, ids }
    const digest = blockDigest(secret, { ...about, by: 'transmitter' }, octets)
    const question = offerOctets({ ...about, digest })
    const answer = readDigest(await this.#input.ask('collect', question, COLLECT_TIMEOUT_MS))
    const expected = blockDigest(secret, { ...about, by: 'receiver' }, octets)
    if (sameSecret(answer.digest, expected)) return
    throw new KmeLinkRefusal('KME_LINK_KEYS_DIFFER', 'The other end has other keys')
  }

  /** Stores the block here, and puts it to use at both ends, the other end first. */
  async #keep(block: KmeBlock, octets: Uint8Array): Promise<void> {
    const { keystore, ask, terms } = this.#input
    await keystore.ingest({ ...block, key: bitsOf(octets), provenance: originOf(terms) })
    await ask('confirm', blockOctets(block), ASK_TIMEOUT_MS)
    await keystore.confirm(terms.link, block)
  }

  #dropGathered(): void {
    dropForeignKeys(this.#gathered)
    this.#gathered = []
  }
}

const epochPassed = (): Refusal =>
  new KmeLinkRefusal('KME_LINK_EPOCH_PASSED', 'The link is not open')

/** Refusals after which the KME has given nothing, and may give fewer. */
const NOTHING_GONE: ReadonlySet<string> = new Set(['KME_CLIENT_EXHAUSTED', 'KME_CLIENT_REFUSED'])
const OPEN_TIMEOUT_MS = 20_000
/** The other end may have to ask its KME many times. */
const COLLECT_TIMEOUT_MS = 120_000
const ASK_TIMEOUT_MS = 10_000
const PAUSE_MS_MAX = 10_000
/** Beyond, pauses grow no more. */
const FAILURES_COUNTED = 16
/** Blocks under the secret of one session: each digest has a key of its own from it. */
const BLOCKS_PER_SESSION = 256
