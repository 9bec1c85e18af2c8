import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId, type SiteId } from '#base'
import {
  AuditLog,
  auditMigrations,
  cosignerNameOf,
  cosignRequest,
  newWitness,
  noteVerifierOf,
  readCosignReply,
  writeCosignRequest,
} from '#audit'
import { signingKeyPairOf } from '#crypto'
import { MemoryLog, MemoryStore, seededRandom, SimulatedNetwork, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from './alarms.ts'
import { LogKeeper } from './log-keeper.ts'
import { Peers } from './peers.ts'

const bristol = siteId('bristol')
const cambridge = siteId('cambridge')

const signers = new Map(
  [bristol, cambridge].map((site) => {
    const random = seededRandom(7, site)
    const keys = {
      ed25519: signingKeyPairOf('ed25519', random.octets(32)),
      mlDsa44: signingKeyPairOf('ml-dsa-44', random.octets(32)),
    }
    return [site, keys] as const
  }),
)

const originOf = (site: SiteId): string => `photonward.example/${site}`

function signerOf(site: SiteId, name: string) {
  const keys = signers.get(site)
  assert(keys !== undefined)
  return { ...keys, name }
}

/** One site: its log, its keeper, and its alarms, over a store that may be another one's copy. */
class Site {
  readonly peers: Peers
  readonly log: AuditLog
  readonly alarms: Alarms
  readonly keeper: LogKeeper

  private constructor(site: SiteId, other: SiteId, parts: Parts & { log: AuditLog }) {
    const { time, wires, store, alarms, log } = parts
    const clock = time.view()
    this.alarms = alarms
    this.log = log
    const operatorLog = new MemoryLog()
    this.peers = new Peers({ network: wires.of(site), clock, log: operatorLog, peers: [other] })
    const signer = signerOf(site, cosignerNameOf(originOf(site)))
    const logOf = (origin: string) =>
      origin === originOf(other) ? noteVerifierOf(signerOf(other, origin)) : undefined
    const cosigner = noteVerifierOf(signerOf(other, cosignerNameOf(originOf(other))))
    this.keeper = new LogKeeper({
      ...{ log, alarms, clock, operatorLog, peers: this.peers, cadenceMs: 1000 },
      witness: newWitness({ site, store, clock, signer, logOf }),
      witnesses: [{ site: other, verifier: cosigner }],
    })
    this.peers.start()
  }

  static async open(site: SiteId, other: SiteId, world: World): Promise<Site> {
    const store = new MemoryStore([...auditMigrations, ...alarmMigrations])
    const clock = world.time.view()
    const log = await AuditLog.open({ site, store, clock, signer: signerOf(site, originOf(site)) })
    const random = seededRandom(8, `${site} ${String(world.opened++)}`)
    const alarms = await Alarms.open({
      ...{ site, store, clock, random, audit: log },
      log: new MemoryLog(),
    })
    return new Site(site, other, { ...world, store, alarms, log })
  }

  /** Writes entries and has the log cosigned. */
  async live(world: World, entries: number, word: string): Promise<void> {
    const at = world.time.view().now()
    for (let n = 0; n < entries; n++) {
      await this.log.record({ kind: 'test.entry', at, actor: word, facts: { n } })
    }
    const kept = this.keeper.keep()
    await world.time.advance(100)
    await kept
  }

  get standing(): readonly string[] {
    return this.alarms.standing.map(
      ({ kind, subject, severity }) => `${severity} ${kind} ${subject}`,
    )
  }
}

interface World {
  readonly time: SimulatedTime
  readonly wires: SimulatedNetwork
  opened: number
}
interface Parts extends World {
  readonly store: MemoryStore
  readonly alarms: Alarms
}

async function twoSites() {
  const time = new SimulatedTime()
  const world: World = { time, wires: new SimulatedNetwork(time), opened: 0 }
  const witness = await Site.open(cambridge, bristol, world)
  const site = await Site.open(bristol, cambridge, world)
  await site.live(world, 3, 'ward')
  assert.equal(site.keeper.cosigned.get(cambridge), 3)
  return { world, witness, site }
}

const DOUBTED = 'critical log.doubted cambridge'
const SUSPECT = 'critical log.peer-suspect bristol'

test('a log that goes on is cosigned, and nobody is alarmed', async () => {
  const { world, witness, site } = await twoSites()
  await site.live(world, 5, 'ward')
  assert.equal(site.keeper.cosigned.get(cambridge), 8)
  assert.deepEqual([site.standing, witness.standing], [[], []])
})

test('a rewritten log alarms its own site and its witness, once', async () => {
  const { world, witness, site } = await twoSites()
  site.peers.stop()
  const rewritten = await Site.open(bristol, cambridge, world)
  await rewritten.live(world, 5, 'forger')
  assert.deepEqual([rewritten.standing, witness.standing], [[DOUBTED], [SUSPECT]])
  const [{ message }] = rewritten.alarms.standing
  assert.match(message, /does not continue the entries/)
  await rewritten.live(world, 1, 'forger')
  assert.equal((await rewritten.alarms.newest(10)).length, 1)
  assert.equal((await witness.alarms.newest(10)).length, 1)
})

test('a log that was set back to fewer entries alarms its site and its witness', async () => {
  const { world, witness, site } = await twoSites()
  site.peers.stop()
  await world.time.advance(2_000)
  const restored = await Site.open(bristol, cambridge, world)
  await restored.live(world, 1, 'ward')
  assert.deepEqual([restored.standing, witness.standing], [[DOUBTED], [SUSPECT]])
  assert.match(restored.alarms.standing[0].message, /fewer entries than were cosigned/)
})

test('a request that comes again, long after later ones, makes nobody suspect', async () => {
  const { world, witness, site } = await twoSites()
  world.wires.weather = ({ octets }) => [
    { delayMs: 1, octets },
    { delayMs: 5_000, octets },
  ]
  for (let round = 0; round < 8; round++) {
    await site.live(world, 2, 'ward')
    await world.time.advance(1_500)
  }
  await world.time.advance(10_000)
  assert.equal(site.keeper.cosigned.get(cambridge), 19)
  assert.deepEqual([site.standing, witness.standing], [[], []])
  assert.deepEqual(await witness.alarms.newest(10), [])
})

test('a suspicion ends when the log proves that it continues what was cosigned', async () => {
  const { world, witness, site } = await twoSites()
  site.peers.stop()
  const rewritten = await Site.open(bristol, cambridge, world)
  await rewritten.live(world, 5, 'forger')
  assert.deepEqual(witness.standing, [SUSPECT])
  rewritten.peers.stop()
  world.wires.silence(bristol)
  const peers = new Peers({
    network: world.wires.of(bristol),
    clock: world.time.view(),
    log: new MemoryLog(),
    peers: [cambridge],
  })
  const at = world.time.view().now()
  await site.log.record({ kind: 'test.entry', at, actor: 'ward', facts: {} })
  await site.log.checkpoint()
  const question = await cosignRequest(site.log, cosignerNameOf(originOf(cambridge)))
  assert(question.kind === 'request')
  const asked = peers.request(cambridge, 'audit/cosign', writeCosignRequest(question.request))
  await world.time.advance(100)
  assert.equal(readCosignReply(await asked).outcome, 'cosigned')
  assert.deepEqual(witness.standing, [])
})

test('a witness that cannot be reached is no alarm', async () => {
  const { world, witness, site } = await twoSites()
  witness.peers.stop()
  world.wires.setCut(bristol, cambridge, true)
  const at = world.time.view().now()
  await site.log.record({ kind: 'test.entry', at, actor: 'ward', facts: {} })
  const kept = site.keeper.keep()
  await world.time.advance(30_000)
  await kept
  assert.deepEqual(site.standing, [])
})
