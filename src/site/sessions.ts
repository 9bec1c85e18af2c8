/**
 * Sessions of a site with its peers: fetches QKD keys for them, carries their three messages, counts
 * their epochs, and keeps those that peers have opened until they are taken.
 *
 * Every session begins with an epoch that was made durable first, at both ends, so that no recorded
 * hello ever opens a second one. QKD keys are fetched through the site's own KME, by the same rules
 * as any application.
 *
 * @module
 */

import {
  bind,
  noteOf,
  Refusal,
  statement,
  strongestSource,
  tablesOf,
  type Clock,
  type KeySource,
  type Log,
  type Migration,
  type RandomSource,
  type SiteId,
  type Store,
  type Uuid,
} from '#base'
import { sha256, type DualSigner, type DualVerifier } from '#crypto'
import type { KeySupply, SuppliedKey } from '#kme'
import { provenanceOctets, summary } from '#keystore'
import {
  accept,
  complete,
  decideOrRefuse,
  initiate,
  receiveHello,
  respond,
  SessionRefusal,
  type Party,
  type ProtectionMode,
  type ProtectionPolicy,
  type QuantumKey,
  type Responded,
  type Session,
  type SessionPurpose,
} from '#session'
import type { Alarms } from './alarms.ts'
import type { Peers } from './peers.ts'

export interface SessionsInput {
  readonly self: Party
  readonly store: Store
  readonly clock: Clock
  readonly random: RandomSource
  readonly log: Log
  readonly alarms: Alarms
  readonly peers: Peers
  readonly supply: KeySupply
  readonly policy: ProtectionPolicy
  readonly signer: DualSigner
  readonly partyOf: (peer: SiteId) => Party | undefined
  readonly keysOf: (peer: SiteId) => DualVerifier | undefined
}

export interface SessionWish {
  readonly purpose: SessionPurpose
  readonly dataClass: string
  readonly mode: ProtectionMode
}

/** A session that a peer has begun here: being confirmed, or confirmed and waiting to be taken. */
type Begun =
  | { readonly kind: 'answered'; readonly peer: SiteId; readonly state: Responded }
  | { readonly kind: 'open'; readonly peer: SiteId; readonly session: Session }

export class Sessions {
  readonly #input: SessionsInput
  /** Oldest first; bounded by `BEGUN_MAX`. */
  readonly #begun = new Map<Uuid, Begun>()
  /** Epochs are counted one at a time for each peer. */
  readonly #turns = new Map<SiteId, Promise<unknown>>()

  constructor(input: SessionsInput) {
    this.#input = input
    input.peers.serve('session/hello', (from, octets) =>
      this.#inTurn(from, () => this.#answer(from, octets)),
    )
    input.peers.serve('session/confirm', (from, octets) =>
      Promise.try(() => this.#confirm(from, octets)),
    )
  }

  /**
   * Rejects as `open` would, where that can be known before anything is used up: the peer cannot be
   * reached, or the mode waits for a QKD key that is not there.
   */
  async prepare(peer: SiteId, { dataClass, mode }: Omit<SessionWish, 'purpose'>): Promise<void> {
    const { policy, peers } = this.#input
    const { party } = this.#peer(peer)
    decideOrRefuse(policy, { dataClass, wanted: mode, offered: this.#atHand(party) })
    await peers.reach(peer)
  }

  /**
   * Opens a session with a peer; the caller disposes it.
   *
   * Rejects with a `SessionRefusal` `QUANTUM_KEY_REQUIRED` when the mode waits for a QKD key.
   */
  async open(peer: SiteId, wish: SessionWish): Promise<Session> {
    const { self, peers, clock, signer, policy, random } = this.#input
    const { party, keys: peerKeys } = this.#peer(peer)
    const keys = await this.#keysFor(party, wish)
    const epoch = await this.#inTurn(peer, () => this.#nextEpoch(peer))
    const { purpose, dataClass, mode } = wish
    const begun = initiate({
      self,
      peer: party,
      signer,
      peerKeys,
      policy,
      dataClass,
      purpose,
      wanted: mode,
      keys,
      epoch,
      random,
    })
    using state = begun.state
    const answer = await peers.request(peer, 'session/hello', begun.hello)
    const { confirm, session } = complete(state, answer, clock.now())
    try {
      await this.#inTurn(peer, () => this.#notePolicy(peer, session.peerPolicyVersion))
      await peers.request(peer, 'session/confirm', confirm)
    } catch (error) {
      session[Symbol.dispose]()
      throw error
    }
    return session
  }

  /** The session that this peer opened here: once, then it is the caller's to dispose. */
  take(peer: SiteId, id: Uuid): Session | undefined {
    const begun = this.#begun.get(id)
    if (begun?.kind !== 'open' || begun.peer !== peer) return undefined
    this.#begun.delete(id)
    return begun.session
  }

  stop(): void {
    for (const begun of this.#begun.values()) dispose(begun)
    this.#begun.clear()
  }

  #peer(peer: SiteId): { party: Party; keys: DualVerifier } {
    const party = this.#input.partyOf(peer)
    const keys = this.#input.keysOf(peer)
    if (party === undefined || keys === undefined) {
      throw new SessionRefusal('SESSION_ROLES_DIFFER', 'No such peer is enrolled')
    }
    return { party, keys }
  }

  /** One QKD key where the policy has a use for one and there is one; else none. */
  async #keysFor(party: Party, { dataClass, mode }: SessionWish): Promise<readonly QuantumKey[]> {
    const { self, policy, supply, alarms, log } = this.#input
    const offered = this.#atHand(party)
    const decision = decideOrRefuse(policy, { dataClass, wanted: mode, offered })
    if (decision.mode === 'post-quantum') return []
    let code = 'QUANTUM_KEY_SIMULATED'
    try {
      // A key that would not count must not be used up.
      if (decision.used === 'hybrid-quantum' || offered.length === 0) {
        const key = await supply.getKey({ slave: party.sae, sizeBits: KEY_BITS })
        await alarms.clear(DEGRADED, party.site)
        return [quantumKey(key, [self.site, party.site])]
      }
    } catch (error) {
      code = noteOf(error).code
    }
    log.write('info', 'session.without-quantum-key', { peer: party.site, code })
    if (decision.mode === 'prefer-quantum') {
      await alarms.raise({
        kind: DEGRADED,
        severity: 'warning',
        subject: party.site,
        message:
          'No QKD key that counts could be had: sessions go on under post-quantum keys, and are marked',
      })
    }
    return []
  }

  /** The worthiest of the QKD keys that could be had for a session now, if there are any. */
  #atHand({ sae }: Party): readonly { readonly source: KeySource }[] {
    const sources = this.#input.supply.sources({ slave: sae, sizeBits: KEY_BITS })
    const source = strongestSource(sources)
    return source === undefined ? [] : [{ source }]
  }

  async #answer(from: SiteId, octets: Uint8Array): Promise<Uint8Array> {
    const { self, policy, signer, store, log } = this.#input
    const { party, keys: peerKeys } = this.#peer(from)
    const { own, theirs, policyVersion } = await this.#epochs(from)
    const received = receiveHello(octets, {
      self,
      peer: party,
      peerKeys,
      policy,
      epochAfter: theirs,
    })
    const { epoch, session, policyVersion: named } = received.hello
    checkPolicy(from, { named, seen: policyVersion })
    await store.commit([bind(PUT_EPOCHS, self.site, from, own, epoch, named)])
    const keys: QuantumKey[] = []
    try {
      for (const { keyId } of received.wantedKeys) {
        const key = await this.#input.supply.getKeyWithId({ master: party.sae, keyId })
        keys.push(quantumKey(key, [self.site, party.site]))
      }
    } catch (error) {
      log.write('warning', 'session.key-not-had', { peer: from, code: noteOf(error).code })
      for (const { octets: key } of keys.splice(0)) key[Symbol.dispose]()
    }
    const { answer, state } = respond(received, { signer, keys })
    this.#keep(session, { kind: 'answered', peer: from, state })
    return answer
  }

  #confirm(from: SiteId, octets: Uint8Array): Uint8Array {
    for (const [id, begun] of this.#begun) {
      if (begun.kind !== 'answered' || begun.peer !== from) continue
      try {
        const session = accept(begun.state, octets, this.#input.clock.now())
        this.#begun.delete(id)
        this.#keep(id, { kind: 'open', peer: from, session })
        return new Uint8Array(0)
      } catch (error) {
        // Another of this peer's sessions may be meant.
        const mismatch =
          error instanceof Refusal && (error as Refusal).code === 'SESSION_MISMATCHED'
        if (!mismatch) throw error
      }
    }
    throw new SessionRefusal('SESSION_MISMATCHED', 'No session waits for this confirmation')
  }

  #keep(id: Uuid, begun: Begun): void {
    this.#begun.set(id, begun)
    for (const [oldest, one] of this.#begun) {
      if (this.#begun.size <= BEGUN_MAX) return
      dispose(one)
      this.#begun.delete(oldest)
    }
  }

  async #nextEpoch(peer: SiteId): Promise<number> {
    const { self, store } = this.#input
    const { own, theirs, policyVersion } = await this.#epochs(peer)
    await store.commit([bind(PUT_EPOCHS, self.site, peer, own + 1, theirs, policyVersion)])
    return own + 1
  }

  /** Remembers the highest version of a peer's policy, durably. @throws SessionRefusal for less */
  async #notePolicy(peer: SiteId, named: number): Promise<void> {
    const { self, store } = this.#input
    const { own, theirs, policyVersion: seen } = await this.#epochs(peer)
    checkPolicy(peer, { named, seen })
    if (named > seen) await store.commit([bind(PUT_EPOCHS, self.site, peer, own, theirs, named)])
  }

  async #epochs(peer: SiteId): Promise<Epochs> {
    const { self, store } = this.#input
    const row = (await store.read(bind(EPOCHS, self.site, peer))).at(0)
    const [own, theirs, policyVersion] = ['own', 'theirs', 'policy_version'].map((column) =>
      Number(row?.[column] ?? 0),
    )
    return { own, theirs, policyVersion }
  }

  async #inTurn<T>(peer: SiteId, work: () => Promise<T>): Promise<T> {
    const mine = (this.#turns.get(peer) ?? Promise.resolve()).then(work)
    this.#turns.set(
      peer,
      mine.catch(() => undefined),
    )
    return mine
  }
}

/**
 * Refuses to start under an older policy than this site had before, and remembers this one.
 *
 * @throws SessionRefusal `POLICY_INVALID`
 */
export async function noteOwnPolicy(
  { site, store }: { readonly site: SiteId; readonly store: Store },
  { version }: ProtectionPolicy,
): Promise<void> {
  const row = (await store.read(bind(EPOCHS, site, site))).at(0)
  const before = Number(row?.['policy_version'] ?? 0)
  if (version < before) {
    throw new SessionRefusal(
      'POLICY_INVALID',
      `Expected a policyVersion of at least ${before}, which was in force before, got ${version}`,
    )
  }
  if (version > before) await store.commit([bind(PUT_EPOCHS, site, site, 0, 0, version)])
}

function checkPolicy(peer: SiteId, { named, seen }: { named: number; seen: number }): void {
  if (named >= seen) return
  throw new SessionRefusal(
    'POLICY_ROLLED_BACK',
    `The policy of the peer is version ${named}; version ${seen} was seen before`,
    { facts: { peer, named, seen } },
  )
}

/** A key of the KME as a session takes it. */
function quantumKey(
  { keyId, octets, provenance }: SuppliedKey,
  ends: readonly SiteId[],
): QuantumKey {
  const { source } = summary(provenance)
  // Whose link each part was grown on: the process of a simulated fibre has seen direct keys too.
  const isDirect = provenance.parts.every(
    ({ from, to, shares }) => shares === undefined && ends.includes(from) && ends.includes(to),
  )
  return {
    keyId,
    octets,
    source,
    path: isDirect ? 'direct' : 'relayed',
    provenance: sha256(provenanceOctets(provenance)),
  }
}

const dispose = (begun: Begun): void =>
  (begun.kind === 'open' ? begun.session : begun.state)[Symbol.dispose]()

interface Epochs {
  readonly own: number
  readonly theirs: number
  /** The highest that the peer has signed. */
  readonly policyVersion: number
}

interface SessionTables {
  session_epoch: {
    site_id: string
    /** Of this site itself only the version of its policy is kept. */
    peer: string
    own: number
    theirs: number
    policy_version: number
  }
}
const db = tablesOf<SessionTables>()
const EPOCHS = statement(
  db
    .selectFrom('session_epoch')
    .select(['own', 'theirs', 'policy_version'])
    .where('site_id', '=', '')
    .where('peer', '=', ''),
)
const PUT_EPOCHS = statement(
  db
    .insertInto('session_epoch')
    .values({ site_id: '', peer: '', own: 0, theirs: 0, policy_version: 0 })
    .onConflict((conflict) =>
      conflict.columns(['site_id', 'peer']).doUpdateSet((row) => ({
        own: row.ref('excluded.own'),
        theirs: row.ref('excluded.theirs'),
        policy_version: row.ref('excluded.policy_version'),
      })),
    ),
)

export const sessionMigrations: readonly Migration[] = [
  {
    id: 'session-1',
    statements: [
      `CREATE TABLE session_epoch (
        site_id TEXT NOT NULL,
        peer TEXT NOT NULL,
        own BIGINT NOT NULL,
        theirs BIGINT NOT NULL,
        PRIMARY KEY (site_id, peer)
      )`,
    ],
  },
  {
    id: 'session-2',
    statements: ['ALTER TABLE session_epoch ADD COLUMN policy_version BIGINT NOT NULL DEFAULT 0'],
  },
]

const DEGRADED = 'session.without-quantum-key'
/** Of the QKD key that a session takes. */
const KEY_BITS = 256
/** Sessions that peers have begun here and nobody has taken; more push out the oldest. */
const BEGUN_MAX = 64
