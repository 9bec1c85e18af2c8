/**
 * Authentication of the classical channel after Wegman and Carter, and the pads it spends.
 *
 * A tag is the polynomial hash, under a recycled key, of all that an end said in a phase and of how
 * much it heard, masked with a pad that is used once. A forger who may try one message succeeds
 * with probability (octets / 16 + 2) / 2¹²⁸, whatever he can compute. Hash keys and pads come from
 * a *source*: the bootstrap of a session, or the reserve that each finished block sets aside. Each
 * direction has its own key and pads.
 *
 * The sender's cursor is made durable (`burn-pads`) before a pad leaves, in runs, so that no crash
 * lets a pad be used twice: two tags under one pad would betray the hash key. What a crash leaves
 * of a run is lost. The receiver accepts a pad only above the last one it accepted, and says which
 * (`pad-accepted`), so that its host can hold a sender to it that has forgotten.
 *
 * Does not hide anything, and is only as unconditional as its pads: a bootstrap by signatures makes
 * the first block's authenticity computational.
 *
 * @see Wegman, Carter, J. Comput. Syst. Sci. 22 (1981); Portmann, IEEE Trans. Inf. Theory 60 (2014)
 * @module
 */

import { assert, lengthPrefixed, uint64, utf8 } from '#base'
import { PolynomialHash, sameSecret } from '#crypto'
import type { BlockLayout } from './layout.ts'

/** One end of a link: Alice, who sends pulses, or Bob, who detects them. */
export type Role = 'transmitter' | 'receiver'

/** The other end's role. */
export const peerOf = (role: Role): Role => (role === 'transmitter' ? 'receiver' : 'transmitter')

/** Hash key and pads for one direction. */
export interface PadRun {
  /** 16 octets. */
  readonly hashKey: Uint8Array
  /** 16 octets for each pad. */
  readonly pads: Uint8Array
  /**
   * First pad that may still be used; durable for both directions. A tag of another session never
   * fits; but a sender whose store was rolled back would make one under a pad that it has used.
   */
  readonly next: number
}

/**
 * Shared secret for authentication: `bootstrap…`, or `<epoch>/<sequence>` for a block's reserve.
 */
export interface AuthenticationSource {
  readonly id: string
  readonly send: PadRun
  readonly receive: PadRun
}

/** A tag and where its pad stands. */
export interface Tag {
  readonly source: string
  readonly pad: number
  /** 16 octets. */
  readonly tag: Uint8Array
}

/** A run of pads that must be durably marked as used before the first of them leaves. */
export interface PadBurn {
  readonly source: string
  readonly from: number
  readonly to: number
}

/** Parts of a session or a block that are closed by a tag of each end. */
export type Phase =
  'session' | 'sifting' | 'reconciliation' | 'estimation' | 'amplification' | 'storage' | 'abort'

/** What a tag is about; hashed before the transcript, so that a tag fits one place only. */
export interface TagSubject {
  /** Nonces of both ends, transmitter first. */
  readonly session: Uint8Array
  /** Who makes the tag. */
  readonly from: Role
  readonly epoch: number
  readonly block: number
  readonly phase: Phase
}

/** All messages of one phase of one block, in order, in each direction. */
export interface Transcript {
  readonly transmitter: Uint8Array[]
  readonly receiver: Uint8Array[]
}

/** A transcript in which nothing was said yet. */
export const newTranscript = (): Transcript => ({ transmitter: [], receiver: [] })

/**
 * Probability that one forged tag of this end over this transcript is accepted.
 *
 * @see `PolynomialHash`
 */
export function forgeryProbability(transcript: Transcript, from: Role): number {
  let octets = TAG_HEAD_OCTETS_MAX
  for (const message of transcript[from]) octets += message.length + 4
  octets += 4 * transcript[peerOf(from)].length
  return (Math.ceil(octets / 16) + 1) / 2 ** 128
}

/** The source that a block's reserve holds, as this end uses it. Copies out of `key`. */
export function reserveSource(
  id: string,
  key: Uint8Array,
  use: { readonly layout: BlockLayout; readonly role: Role },
): AuthenticationSource {
  const run = (role: Role): PadRun => {
    const { from, to } = use.layout.reserve[role]
    return { hashKey: key.slice(from, from + 16), pads: key.slice(from + 16, to), next: 0 }
  }
  return { id, send: run(use.role), receive: run(peerOf(use.role)) }
}

/** Overwrites the secrets of a source. */
export function clearSource({
  send,
  receive,
}: Pick<AuthenticationSource, 'send' | 'receive'>): void {
  for (const run of [send, receive]) {
    run.hashKey.fill(0)
    run.pads.fill(0)
  }
}

/** A source in use: its cursors move, its hash tables are made when first needed. */
interface Held {
  readonly id: string
  readonly send: PadRun
  readonly receive: PadRun
  sendNext: number
  /** Pads below are durably marked as used. */
  burnedTo: number
  /** The end of the run whose burning was asked for. */
  askedTo: number
  receiveNext: number
  /** No longer sent with; kept until the peer shows that it has moved on as well. */
  retired: boolean
  sendHash?: PolynomialHash
  receiveHash?: PolynomialHash
}

/**
 * The sources of one end during one session. Owns and clears their secrets.
 *
 * The newest source is sent with first. Older reserves stay for a drought, when blocks cost tags
 * and bring none; a bootstrap source is left as soon as there is a reserve.
 */
export class Wallet implements Disposable {
  readonly #held: Held[] = []
  #sentTags = 0

  /** Sources from the oldest to the newest. Takes ownership. */
  constructor(sources: readonly AuthenticationSource[]) {
    for (const source of sources) this.add(source)
  }

  /** Ids of all sources held, oldest first. */
  get ids(): readonly string[] {
    return this.#held.map(({ id }) => id)
  }

  /** Tags made so far. */
  get sentTags(): number {
    return this.#sentTags
  }

  /** Pads left, own and the peer's, in all sources. */
  get padsLeft(): { readonly send: number; readonly receive: number } {
    let send = 0
    let receive = 0
    for (const held of this.#held) {
      if (!held.retired) send += padCount(held.send) - held.sendNext
      receive += padCount(held.receive) - held.receiveNext
    }
    return { send, receive }
  }

  /** Adds a source, the newest from now on, and retires a bootstrap if it is a reserve. */
  add(source: AuthenticationSource): void {
    checkRun(source.send)
    checkRun(source.receive)
    assert(!this.ids.includes(source.id), 'a source is added once')
    const { id, send, receive } = source
    const next = send.next
    const cursors = { sendNext: next, burnedTo: next, askedTo: next, receiveNext: receive.next }
    this.#held.push({ id, send, receive, ...cursors, retired: false })
    if (!isBootstrap(id)) for (const held of this.#held) held.retired ||= isBootstrap(held.id)
    for (const held of this.#held.splice(0, this.#held.length - SOURCES_KEPT)) clear(held)
  }

  /** Forgets the sources that do not pass, and clears them. */
  keep(passes: (id: string) => boolean): void {
    for (let at = this.#held.length - 1; at >= 0; at--) {
      if (!passes(this.#held[at].id)) clear(this.#held.splice(at, 1)[0])
    }
  }

  /** The peer says that it starts sending with this pad of a source; never goes back. */
  peerStartsAt(id: string, next: number): void {
    const held = this.#held.find((one) => one.id === id)
    if (held === undefined || next > padCount(held.receive)) return
    held.receiveNext = Math.max(held.receiveNext, next)
  }

  /** Where sending starts in each source. */
  get starts(): readonly { readonly id: string; readonly next: number }[] {
    return this.#held.map(({ id, sendNext }) => ({ id, next: sendNext }))
  }

  /** Burning that should be asked for now: enough ahead that tags seldom wait. */
  burnDue(): PadBurn | undefined {
    const held = this.#held.findLast((one) => !one.retired && one.sendNext < padCount(one.send))
    if (held === undefined || held.askedTo > held.burnedTo) return undefined
    const end = padCount(held.send)
    if (held.burnedTo - held.sendNext >= BURN_AHEAD || held.burnedTo === end) return undefined
    const burn = { source: held.id, from: held.burnedTo, to: Math.min(end, held.burnedTo + BURN) }
    held.askedTo = burn.to
    return burn
  }

  /** The pads below `to` are durably marked as used. */
  burned(source: string, to: number): void {
    const held = this.#held.find(({ id }) => id === source)
    if (held !== undefined && to <= held.askedTo) held.burnedTo = Math.max(held.burnedTo, to)
  }

  /** Whether no pad is left to send with, burned or not. */
  get exhausted(): boolean {
    return this.#held.every((one) => one.retired || one.sendNext >= padCount(one.send))
  }

  /** The tag of a transcript, or undefined as long as no pad is durably marked as used. */
  tag(subject: TagSubject, transcript: Transcript): Tag | undefined {
    const held = this.#held.findLast((one) => !one.retired && one.sendNext < one.burnedTo)
    if (held === undefined) return undefined
    const pad = held.sendNext++
    this.#sentTags++
    held.sendHash ??= new PolynomialHash(held.send.hashKey)
    const tag = held.sendHash.digestOf(tagInput(subject, transcript))
    mask(tag, held.send.pads, pad)
    return { source: held.id, pad, tag }
  }

  /** Checks the peer's tag. The pad it names is spent whether it fits or not. */
  verify(subject: TagSubject, transcript: Transcript, { source, pad, tag }: Tag): boolean {
    const held = this.#held.find(({ id }) => id === source)
    if (held === undefined || pad < held.receiveNext || pad >= padCount(held.receive)) return false
    // A forger must not be able to spend all pads by naming the last one.
    if (pad - held.receiveNext > PADS_SKIPPED_MAX) return false
    held.receiveNext = pad + 1
    held.receiveHash ??= new PolynomialHash(held.receive.hashKey)
    const expected = held.receiveHash.digestOf(tagInput(subject, transcript))
    mask(expected, held.receive.pads, pad)
    const fits = sameSecret(expected, tag)
    if (fits && !held.retired) this.keep((id) => id === source || !this.#isRetired(id))
    return fits
  }

  [Symbol.dispose](): void {
    this.keep(() => false)
  }

  #isRetired(id: string): boolean {
    return this.#held.some((held) => held.id === id && held.retired)
  }
}

/** Whether a source is the bootstrap of a session, as its id says. */
export const isBootstrap = (id: string): boolean => id.startsWith('bootstrap')

/** Whether a source is a chunk of a pre-shared key, as its id says: `bootstrap-psk-<key>-<chunk>`. */
export const isPreShared = (id: string): boolean => id.startsWith('bootstrap-psk-')

/** Pads of a run. */
export const padCount = ({ pads }: PadRun): number => pads.length / 16

/**
 * What is hashed, injectively: the subject, number and length of the messages of both directions,
 * and the messages of the end that makes the tag.
 *
 * Each end answers for what it said. What it heard is answered for by the peer's tag, which it
 * checks before it acts on it; hashing both directions twice would add time and no safety.
 */
function tagInput(subject: TagSubject, transcript: Transcript): Uint8Array[] {
  const { session, from, epoch, block, phase } = subject
  const head = lengthPrefixed(LABEL, session, utf8(from), utf8(phase), uint64(epoch), uint64(block))
  const { transmitter, receiver } = transcript
  const messages = [...transmitter, ...receiver]
  const lengths = new DataView(new ArrayBuffer(4 * (2 + messages.length)))
  // Big-endian, as everything that is hashed: two machines may keep numbers in different orders.
  lengths.setUint32(0, transmitter.length)
  lengths.setUint32(4, receiver.length)
  for (const [at, { length }] of messages.entries()) lengths.setUint32(4 * (2 + at), length)
  return [head, new Uint8Array(lengths.buffer), ...transcript[from]]
}

function mask(tag: Uint8Array, pads: Uint8Array, pad: number): void {
  for (let at = 0; at < 16; at++) tag[at] ^= pads[16 * pad + at]
}

function checkRun({ hashKey, pads, next }: PadRun): void {
  assert(hashKey.length === 16 && pads.length % 16 === 0, 'hash key and pads have 16 octets each')
  assert(next >= 0 && next <= pads.length / 16, 'a pad cursor lies within its run')
}

function clear(held: Held): void {
  clearSource(held)
  held.sendHash?.[Symbol.dispose]()
  held.receiveHash?.[Symbol.dispose]()
}

const LABEL = utf8('photonward qkd tag 1')
/** The hash input without the messages and their lengths. */
const TAG_HEAD_OCTETS_MAX = 160
/** Pads marked as used at a time, and how many marked ones are kept at hand. */
const BURN = 32
const BURN_AHEAD = 12
/** Reserves kept for a drought. */
const SOURCES_KEPT = 16
/** Pads that a sender's crash may leave unused. */
const PADS_SKIPPED_MAX = 64
