/**
 * The receiving end of a link from a vendor's KME: fetches the keys that the other end names, and
 * stores them as a block.
 *
 * Everything is done one after the other. A key_ID is asked for once, whatever becomes of the
 * answer. The block is durable and unusable (`held`) when this end answers; it comes into use when
 * the transmitting end has stored it too and says so.
 *
 * @module
 */

import {
  bitsOf,
  sameOctets,
  TakenSecrets,
  toCbor,
  type SecretBytes,
  type SecretSupply,
  type Uuid,
} from '#base'
import { sameSecret } from '#crypto'
import { answeringOpening } from '#keystore'
import { dropForeignKeys, type ForeignKey } from '#kme'
import { originOf, termsDigest, type KmeLinkContext } from './kme-link-context.ts'
import { joined, KeyInspector } from './kme-link-keys.ts'
import {
  blockDigest,
  openingOctets,
  readBlock,
  readOffer,
  readOpening,
  type KmeBlock,
  type KmeBlockOffer,
} from './kme-link-messages.ts'
import { KmeLinkRefusal } from './kme-link-refusal.ts'

export interface KmeReceiverInput extends KmeLinkContext {
  readonly secrets: Pick<SecretSupply, 'take'>
  /** Whether keys of the link wait. */
  readonly isSuspended: () => boolean
}

export class KmeReceiver implements Disposable {
  readonly #input: KmeReceiverInput
  readonly #inspector: KeyInspector
  /** The epoch that this run has opened, and the last block asked for in it. */
  #open: { readonly epoch: number; sequence: number } | undefined
  readonly #secrets: TakenSecrets
  #turn: Promise<unknown> = Promise.resolve()

  constructor(input: KmeReceiverInput) {
    this.#input = input
    this.#inspector = new KeyInspector(input.random)
    this.#secrets = new TakenSecrets((...of) => input.secrets.take(...of), SECRETS_KEPT)
  }

  get isOpen(): boolean {
    return this.#open !== undefined
  }

  /** Settles with the transmitting end what both hold, and begins an epoch. @throws Refusal */
  open(payload: Uint8Array): Promise<Uint8Array> {
    const { terms, keystore } = this.#input
    const opening = readOpening(payload)
    return this.#inTurn(async () => {
      const own = termsDigest(terms)
      if (!sameOctets(own, opening.terms)) {
        const message = 'Expected the same SAE IDs, vendor, key size and ε at both sites'
        throw new KmeLinkRefusal('KME_LINK_CONFIG_DIFFERS', message)
      }
      const { link, transmitter } = terms
      const answer = await answeringOpening(keystore, { link, peer: transmitter }, opening)
      if (answer === undefined) throw epochPassed()
      this.#open = { epoch: answer.epoch, sequence: -1 }
      return openingOctets({ link, terms: own, ...answer })
    })
  }

  /** Takes nothing before the link has been opened anew. */
  shut(): void {
    this.#open = undefined
  }

  /** Fetches the keys of a block and stores it. @returns this end's digest; rejects with a Refusal */
  collect(payload: Uint8Array): Promise<Uint8Array> {
    const offer = readOffer(payload)
    return this.#inTurn(async () => {
      this.#begin(offer)
      const secret = this.#secretOf(offer.session)
      const keys = await this.#fetch(offer.ids)
      const octets = joined(keys)
      dropForeignKeys(keys)
      try {
        return await this.#store(offer, secret.reveal(), octets)
      } finally {
        octets.fill(0)
      }
    })
  }

  /** The transmitting end has stored the block too. Repeating it does nothing. */
  confirm(payload: Uint8Array): Promise<Uint8Array> {
    const block = readBlock(payload)
    return this.#inTurn(async () => {
      await this.#input.keystore.confirm(this.#input.terms.link, block)
      return new Uint8Array(0)
    })
  }

  [Symbol.dispose](): void {
    this.#secrets[Symbol.dispose]()
    this.#inspector[Symbol.dispose]()
  }

  /** Each place is for one block, whatever becomes of it. */
  #begin({ epoch, sequence }: KmeBlock): void {
    if (this.#input.isSuspended()) {
      throw new KmeLinkRefusal('KME_LINK_SUSPENDED', 'Keys of the link wait at this site')
    }
    const open = this.#open
    if (open?.epoch !== epoch || sequence <= open.sequence) throw epochPassed()
    open.sequence = sequence
  }

  /** Asks this site's KME for all keys, in runs that it takes. */
  async #fetch(ids: readonly string[]): Promise<readonly ForeignKey[]> {
    const { client, terms } = this.#input
    const { transmitterSae: master, keyBits: sizeBits } = terms
    this.#inspector.takeIds(ids)
    const keys: ForeignKey[] = []
    try {
      for await (const fetched of client.decKeysInParts(master, { ids, sizeBits })) {
        keys.push(...fetched)
        this.#inspector.takeKeys(fetched)
      }
      return keys
    } catch (error) {
      dropForeignKeys(keys)
      throw error
    }
  }

  async #store(
    { digest, ...offer }: KmeBlockOffer,
    secret: Uint8Array,
    octets: Uint8Array,
  ): Promise<Uint8Array> {
    const { keystore, terms } = this.#input
    const { link, epoch, sequence } = offer
    if (!sameSecret(digest, blockDigest(secret, { ...offer, by: 'transmitter' }, octets))) {
      throw new KmeLinkRefusal('KME_LINK_KEYS_DIFFER', 'The KMEs gave the two sites different keys')
    }
    const provenance = originOf(terms)
    await keystore.ingest({ link, epoch, sequence, key: bitsOf(octets), provenance })
    return toCbor({ digest: blockDigest(secret, { ...offer, by: 'receiver' }, octets) })
  }

  #secretOf(session: Uuid): SecretBytes {
    const secret = this.#secrets.of(this.#input.terms.transmitter, session)
    if (secret !== undefined) return secret
    const message = 'The session by which keys are compared is not known here'
    throw new KmeLinkRefusal('KME_LINK_SESSION_UNKNOWN', message)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}

/** The link that a question is about, which may be none of ours. @throws Refusal if unreadable */
export const linkIn = (method: 'open' | 'collect' | 'confirm', payload: Uint8Array): string =>
  READERS[method](payload).link

const READERS = { open: readOpening, collect: readOffer, confirm: readBlock }

/** No such link. */
export const unknownLink = (): KmeLinkRefusal =>
  new KmeLinkRefusal('KME_LINK_UNKNOWN', 'No such link joins the sites')

const epochPassed = (): KmeLinkRefusal =>
  new KmeLinkRefusal('KME_LINK_EPOCH_PASSED', 'The link has been opened anew since, or not yet')

/** Secrets of sessions of the other end; it goes on to a new one after some blocks. */
const SECRETS_KEPT = 4
