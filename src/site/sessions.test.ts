import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  keyId,
  kmeId,
  linkId,
  newUuid,
  saeId,
  SecretBytes,
  siteId,
  type KeySource,
  type SiteId,
} from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { newDualSigner, newSigningKeyPair, verifierOf, type DualSigner } from '#crypto'
import type { KeySupply, SuppliedKey } from '#kme'
import { openPolicy, signPolicy, type ProtectionMode, type Session } from '#session'
import { MemoryLog, MemoryStore, seededRandom, SimulatedNetwork, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from './alarms.ts'
import { Peers } from './peers.ts'
import { noteOwnPolicy, sessionMigrations, Sessions } from './sessions.ts'

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')
type SiteName = typeof bristol

const partyOf = (site: SiteId) => ({
  site,
  sae: saeId(`photonward.${site}`),
  kme: kmeId(`kme.${site}`),
})

interface Terms {
  readonly acceptSimulated: boolean
  readonly version: number
}

/** Two sites whose KMEs share one source of keys; all of it in memory. */
class Ends {
  readonly time = new SimulatedTime()
  readonly wires = new SimulatedNetwork(this.time)
  readonly random = seededRandom(3, 'sessions')
  readonly signers = new Map<SiteName, DualSigner>()
  readonly stores = new Map<SiteName, MemoryStore>()
  /** Where the shared keys come from; none are left if undefined. */
  source: KeySource | undefined = 'hardware'
  /** A site on the way of the shared keys, if they are relayed. */
  relay: SiteId | undefined
  keysTaken = 0

  constructor() {
    for (const site of [bristol, cambridge]) {
      this.signers.set(site, newDualSigner())
      const migrations = [...auditMigrations, ...alarmMigrations, ...sessionMigrations]
      this.stores.set(site, new MemoryStore(migrations))
    }
  }

  signer(site: SiteName): DualSigner {
    return this.signers.get(site) ?? assert.fail('a site of the test')
  }

  /** Starts a site, or starts it again: what it kept is in its store. */
  async start(site: SiteName, terms: Terms = { acceptSimulated: false, version: 1 }) {
    const other = site === bristol ? cambridge : bristol
    const store = this.stores.get(site) ?? assert.fail('a site of the test')
    const [clock, log] = [this.time.view(), new MemoryLog()]
    const ed25519 = newSigningKeyPair('ed25519')
    const mlDsa44 = newSigningKeyPair('ml-dsa-44')
    const signer = { name: `photonward.example/${site}`, ed25519, mlDsa44 }
    const { random } = this
    const audit = await AuditLog.open({ site, store, clock, signer })
    const alarms = await Alarms.open({ site, store, clock, random, audit, log })
    const peers = new Peers({ network: this.wires.of(site), clock, log, peers: [other] })
    const classes = { clinical: 'prefer-quantum', archive: 'require-quantum' } as const
    const octets = signPolicy({ site, ...terms, classes }, this.signer(site))
    const keys = verifierOf(this.signer(site))
    const sessions = new Sessions({
      ...{ store, clock, random, log, alarms, peers, partyOf },
      self: partyOf(site),
      supply: this.#supply(site),
      policy: openPolicy(octets, { site, keys, leastVersion: 1 }),
      signer: this.signer(site),
      keysOf: (of) => verifierOf(this.signer(of)),
    })
    peers.start()
    return { sessions, alarms, peers }
  }

  /** Runs something that waits for the simulated network. */
  async until<T>(work: Promise<T>): Promise<T | Error> {
    const settled = work.catch((error: unknown) => error as Error)
    await this.time.advance(50)
    return await settled
  }

  #supply(site: SiteName): KeySupply {
    const supplied = (id = keyId(newUuid(this.random))): SuppliedKey => ({
      keyId: id,
      octets: SecretBytes.take(new Uint8Array(32).fill(7)),
      provenance: {
        parts: [
          {
            source: this.source ?? 'hardware',
            randomness: 'operating-system',
            authentication: 'ml-dsa',
            assumptions: [],
            epsilon: 1e-9,
            seenBy: [bristol, cambridge, 'fibre-1'],
            link: linkId('bristol-cambridge'),
            epoch: 1,
            sequence: 0,
            from: bristol,
            to: this.relay ?? cambridge,
            offset: 0,
            octets: 32,
          },
        ],
      },
    })
    return {
      sae: saeId(`photonward.${site}`),
      sources: () => (this.source === undefined ? [] : [this.source]),
      getKey: () => {
        if (this.source === undefined) return Promise.reject(new Error('No key is left'))
        this.keysTaken++
        return Promise.resolve(supplied())
      },
      getKeyWithId: ({ keyId: id }) => Promise.resolve(supplied(id)),
    }
  }
}

const wish = (dataClass: string, mode: ProtectionMode = 'post-quantum') =>
  ({ purpose: 'transfer', dataClass, mode }) as const

function opened(outcome: Session | Error): Session {
  if (outcome instanceof Error) throw outcome
  return outcome
}

const codeOf = (outcome: unknown): unknown => (outcome as { code?: unknown } | undefined)?.code

test('a key that would not count is not used up, and the site says that it goes on without', async () => {
  const ends = new Ends()
  ends.source = 'simulated'
  const { sessions, alarms } = await ends.start(bristol)
  await ends.start(cambridge)
  using session = opened(await ends.until(sessions.open(cambridge, wish('clinical'))))
  assert.equal(session.protection.used, 'hybrid-post-quantum')
  assert.deepEqual(
    alarms.standing.map(({ kind }) => kind),
    ['session.without-quantum-key'],
  )
  for (const attempt of [
    () => sessions.prepare(cambridge, wish('archive')),
    () => sessions.open(cambridge, wish('archive')),
  ]) {
    assert.equal(codeOf(await ends.until<unknown>(attempt())), 'QUANTUM_KEY_SIMULATED')
  }
  assert.equal(ends.keysTaken, 0)
  ends.source = 'hardware'
  using better = opened(await ends.until(sessions.open(cambridge, wish('clinical'))))
  assert.equal(better.protection.used, 'hybrid-quantum')
  assert.equal(better.protection.keyPath, 'direct', 'whoever plays the fibre is no relay')
  ends.relay = siteId('ipswich')
  using relayed = opened(await ends.until(sessions.open(cambridge, wish('clinical'))))
  assert.equal(relayed.protection.keyPath, 'relayed')
  assert.deepEqual(alarms.standing, [])
})

test('a peer that names an older policy than before is refused, also after a restart', async () => {
  const ends = new Ends()
  const terms = (version: number) => ({ acceptSimulated: false, version })
  await ends.start(cambridge, terms(3))
  const first = await ends.start(bristol, terms(5))
  opened(await ends.until(first.sessions.open(cambridge, wish('clinical'))))[Symbol.dispose]()
  first.peers.stop()
  ends.wires.silence(bristol)
  const older = await ends.start(bristol, terms(4))
  const refused = await ends.until(older.sessions.open(cambridge, wish('clinical')))
  assert.equal(codeOf(refused), 'POLICY_ROLLED_BACK')
  ends.wires.silence(cambridge)
  await ends.start(cambridge, terms(2))
  const again = await ends.until(older.sessions.open(cambridge, wish('clinical')))
  assert.equal(codeOf(again), 'POLICY_ROLLED_BACK')
  older.peers.stop()
  ends.wires.silence(bristol)
  const newer = await ends.start(bristol, terms(5))
  const answered = await ends.until(newer.sessions.open(cambridge, wish('clinical')))
  assert.equal(codeOf(answered), 'POLICY_ROLLED_BACK', 'the responder’s policy counts as well')
  ends.wires.silence(cambridge)
  await ends.start(cambridge, terms(3))
  opened(await ends.until(newer.sessions.open(cambridge, wish('clinical'))))[Symbol.dispose]()
})

test('a site does not start under an older policy than it had', async () => {
  const store = new MemoryStore(sessionMigrations)
  const signer = newDualSigner()
  const policy = (version: number) => {
    const classes = { clinical: 'prefer-quantum' } as const
    const octets = signPolicy({ site: bristol, acceptSimulated: false, version, classes }, signer)
    return openPolicy(octets, { site: bristol, keys: verifierOf(signer), leastVersion: 1 })
  }
  const at = { site: bristol, store }
  for (const version of [1, 4, 4]) await noteOwnPolicy(at, policy(version))
  await assert.rejects(noteOwnPolicy(at, policy(3)), { code: 'POLICY_INVALID' })
  await noteOwnPolicy(at, policy(5))
})

test('whether a session could be opened is known without a key, and only with a peer', async () => {
  const ends = new Ends()
  const { sessions } = await ends.start(bristol)
  await ends.start(cambridge)
  assert.equal(await ends.until(sessions.prepare(cambridge, wish('archive'))), undefined)
  ends.source = undefined
  const waiting = await ends.until<unknown>(sessions.prepare(cambridge, wish('archive')))
  assert.equal(codeOf(waiting), 'QUANTUM_KEY_REQUIRED')
  assert.equal(await ends.until(sessions.prepare(cambridge, wish('clinical'))), undefined)
  const unknown = await ends.until<unknown>(sessions.prepare(cambridge, wish('gossip')))
  assert.equal(codeOf(unknown), 'CLASS_UNKNOWN')
  ends.wires.setCut(bristol, cambridge, true)
  await ends.time.advance(10)
  const gone = await ends.until<unknown>(sessions.prepare(cambridge, wish('clinical')))
  assert.equal(codeOf(gone), 'NETWORK_UNREACHABLE')
  assert.equal(ends.keysTaken, 0)
})
