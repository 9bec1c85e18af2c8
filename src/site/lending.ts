/**
 * Lots of key bits between the daemons of one site: borrowed by those that follow, lent by the one
 * that leads.
 *
 * The octets of a lot travel over TLS 1.3 between two daemons of one site.
 *
 * @module
 */

import {
  cborDoor,
  Exactly,
  linkId,
  Octets,
  SecretBytes,
  siteId,
  Text,
  toCbor,
  Type,
  uuid,
  UuidText,
  Whole,
  type SiteId,
  type Uuid,
} from '#base'
import { originOctets, readOrigin, type Keystore, type Lender, type LentLot } from '#keystore'
import type { Peers } from './peers.ts'

type LendingKeys = Pick<Keystore, 'peers' | 'pool' | 'lend' | 'recall' | 'giveUpParts'>

/** Has the daemon that leads answer what those that follow ask of its key store. */
export function serveLots(peers: Peers, keystore: LendingKeys): void {
  peers.serve(BORROW, async (_from, octets) => {
    const { peer: name, holder, octets: most } = openBorrow(octets)
    const peer = siteId(name)
    const isPeer = keystore.peers.includes(peer)
    const lot = isPeer ? await keystore.lend(peerLot(peer, holder, most)) : undefined
    const availableBits = isPeer ? keystore.pool(peer).applicationBits : 0
    return loanOctets({ availableBits, lot })
  })
  peers.serve(GIVE_BACK, async (_from, octets) => {
    const { lots, reservations } = openGivenBack(octets)
    await keystore.giveUpParts(reservations.map(uuid))
    const over = new Set(lots)
    await keystore.recall(({ id }) => over.has(id), 'given back')
    return toCbor({})
  })
}

/** The end of a daemon that follows, and what it last heard of the pools. */
export class PoolsElsewhere implements Lender {
  readonly #ask: (method: string, octets: Uint8Array) => Promise<Uint8Array>
  readonly #holder: string
  readonly #availableBits = new Map<SiteId, number>()

  /**
   * @param ask      asks the daemon that leads
   * @param holder   random name of this start, under which it borrows
   */
  constructor(ask: (method: string, octets: Uint8Array) => Promise<Uint8Array>, holder: string) {
    this.#ask = ask
    this.#holder = holder
  }

  /** Bits of a pool for applications, as last told. */
  availableBits(peer: SiteId): number {
    return this.#availableBits.get(peer) ?? 0
  }

  async borrow(peer: SiteId, octets: number): Promise<LentLot | undefined> {
    const answer = await this.#ask(BORROW, toCbor({ peer, holder: this.#holder, octets }))
    const { availableBits, lot } = readLoan(answer)
    this.#availableBits.set(peer, availableBits)
    return lot
  }

  async giveBack(what: { lots: readonly Uuid[]; reservations: readonly Uuid[] }): Promise<void> {
    const { lots, reservations } = what
    await this.#ask(GIVE_BACK, toCbor({ lots: [...lots], reservations: [...reservations] }))
  }
}

interface Loan {
  readonly availableBits: number
  readonly lot: LentLot | undefined
}

function loanOctets({ availableBits, lot }: Loan): Uint8Array {
  if (lot === undefined) return toCbor({ availableBits })
  using material = lot.material
  const { epoch, sequence, from } = lot.range
  const origin = originOctets(lot.origin)
  return toCbor({
    availableBits,
    lot: { lot: lot.lot, link: lot.link, epoch, sequence, from, origin, octets: material.reveal() },
  })
}

function readLoan(octets: Uint8Array): Loan {
  const { availableBits, lot } = openLoan(octets)
  if (lot === undefined) return { availableBits, lot }
  const { epoch, sequence, from } = lot
  const range = { epoch, sequence, from, octets: lot.octets.length }
  const link = linkId(lot.link)
  const material = SecretBytes.copyOf(lot.octets)
  // What was read may be a part of the message, and is nobody else's.
  lot.octets.fill(0)
  const origin = readOrigin(lot.origin)
  return { availableBits, lot: { lot: uuid(lot.lot), link, range, origin, material } }
}

const peerLot = (peer: SiteId, holder: string, octets: number) => ({ peer, holder, octets })

const BORROW = 'borrow'
const GIVE_BACK = 'give-back'
const LOT_OCTETS_MAX = 2 ** 20
const MESSAGE_OCTETS_MAX = 2 ** 21

const openBorrow = cborDoor(
  Exactly({ peer: Text(63, 1), holder: UuidText, octets: Whole(1, LOT_OCTETS_MAX) }),
  'wish to borrow keys',
  MESSAGE_OCTETS_MAX,
)
const openLoan = cborDoor(
  Exactly({
    availableBits: Whole(0),
    lot: Type.Optional(
      Exactly({
        lot: UuidText,
        link: Text(63, 1),
        epoch: Whole(0),
        sequence: Whole(0),
        from: Whole(0),
        origin: Octets(1, MESSAGE_OCTETS_MAX),
        octets: Octets(1, LOT_OCTETS_MAX),
      }),
    ),
  }),
  'lot of keys',
  MESSAGE_OCTETS_MAX,
)
const openGivenBack = cborDoor(
  Exactly({
    lots: Type.Array(UuidText, { maxItems: 4096 }),
    reservations: Type.Array(UuidText, { maxItems: 4096 }),
  }),
  'lots given back',
  MESSAGE_OCTETS_MAX,
)
