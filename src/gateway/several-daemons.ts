/**
 * One of several daemons of a site over one database: it leads, or follows until it can lead.
 *
 * The one that leads is the whole site. One that follows meets applications at listeners of its own
 * and passes what they ask on; once the leading daemon is gone or silent, it takes its place. A daemon
 * that finds that another leads in its place ends, to begin anew as one that follows.
 *
 * Those that may lead share the folder of the site, on one machine: the wrapping keys of what is
 * stored are files in it that are overwritten in place, which nothing but one file system of one
 * machine promises. Daemons on other machines have a folder of their own and only follow.
 *
 * @module
 */

import { newUuid, noteOf, siteId, type PortRefusal, type SiteId } from '#base'
import { chainCheckOf, credentialsIn, Follower, Lead, leadOf, Presence } from '#site'
import { openDisk } from './disk.ts'
import { openStreamListener } from './etsi-004.ts'
import { openHttp } from './http.ts'
import { isFree } from './listen.ts'
import { openNetwork } from './network.ts'
import type { PeerEntry } from './peer.ts'
import { Shutdown } from './shutdown.ts'
import {
  assemble,
  exitFailed,
  factsOf,
  materialOf,
  type Assembly,
  type Daemon,
} from './site-daemon.ts'
import { openSiteDisk } from './site-disk.ts'
import { openSharedStore, type OpenStore } from './store-open.ts'
import { watchTrust } from './trust.ts'

/**
 * Starts one of several daemons.
 *
 * @param name   its own, as the configuration has it
 * @throws GatewayRefusal and others, as `assemble` does
 */
export async function startAmongSeveral(assembly: Assembly, name: string): Promise<Daemon> {
  const { folder, configuration, shutdown, ports } = assembly
  const { clock, random, log } = ports
  const store = await openSharedStore(folder, configuration, { name, clock })
  const { leaseMs, leader } = configuration
  const site = siteId(configuration.site)
  const run = newUuid(random)
  const about = { site, store, clock, name, run, leaseMs }
  const presence = await Presence.start(about).catch(async (error: unknown) => {
    await store[Symbol.asyncDispose]()
    throw error
  })
  const take = async (): Promise<Lead | undefined> => {
    const { until = 0 } = (await leadOf(store, site)) ?? {}
    if (leader !== undefined || until > clock.now()) return undefined
    // A daemon that hangs has its port still; whoever cannot listen there cannot lead.
    if (await isFree(configuration.peerListener)) return Lead.take(about)
    log.write('warning', 'lead-waits', { port: configuration.peerListener.port })
    return undefined
  }
  const seat = new Seat({ store, run, presence, take })
  shutdown.add('close', 'seat', () => seat.leave())
  const lead = await seat.tryLead()
  return lead === undefined ? follow(assembly, seat) : leadWith(assembly, seat, lead)
}

/** A daemon's place among those of its site: left once, whatever it was. */
class Seat {
  readonly store: OpenStore
  /** Random name of this start of the daemon. */
  readonly run: string
  readonly #presence: Presence
  readonly #take: () => Promise<Lead | undefined>
  #lead: Lead | undefined
  #left: Promise<void> | undefined

  constructor(input: {
    readonly store: OpenStore
    readonly run: string
    readonly presence: Presence
    readonly take: () => Promise<Lead | undefined>
  }) {
    this.store = input.store
    this.run = input.run
    this.#presence = input.presence
    this.#take = input.take
  }

  /** The lease of the leading daemon, if it can be had now. */
  async tryLead(): Promise<Lead | undefined> {
    this.#lead ??= await this.#take()
    return this.#lead
  }

  leave(): Promise<void> {
    this.#left ??= this.#leave()
    return this.#left
  }

  async #leave(): Promise<void> {
    // Without its database nobody can be told; the others find out by its silence.
    await this.#lead?.release().catch(() => undefined)
    await this.#presence.stop().catch(() => undefined)
    await this.store[Symbol.asyncDispose]()
  }
}

function leadWith(assembly: Assembly, seat: Seat, lead: Lead): Promise<Daemon> {
  const store: OpenStore = {
    ...lead.store,
    engine: seat.store.engine,
    closed: Promise.race<PortRefusal | undefined>([seat.store.closed, lead.lost]),
    [Symbol.asyncDispose]: () => seat.leave(),
  }
  const { folder, configuration, ports } = assembly
  return assemble(assembly, { store, disk: lead.disk(openSiteDisk(folder, configuration, ports)) })
}

async function follow(assembly: Assembly, seat: Seat): Promise<Daemon> {
  const { shutdown, ports, configuration } = assembly
  const { clock, log } = ports
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const own = new Shutdown({ clock, log })
  shutdown.add('listen', 'what follows', () => own.run('the daemon ends'))
  void seat.store.closed.then((refusal) => {
    if (refusal !== undefined) void shutdown.run(`store failed: ${refusal.code}`).then(exitFailed)
  })
  const facts = await openFollowing(assembly, seat, own)
  const takePlace = async (lead: Lead): Promise<void> => {
    log.write('info', 'lead-taken', { since: lead.epoch })
    await own.run('this daemon leads now')
    const daemon = await leadWith(assembly, seat, lead)
    void daemon.ended.then(end)
  }
  const watch = (): void => {
    clock.after(configuration.leaseMs / LOOKS, () => void look().catch(failed))
  }
  const look = async (): Promise<void> => {
    const lead = await seat.tryLead().catch(() => undefined)
    // Whoever ends has left its seat, and the lease with it.
    if (shutdown.begun) return
    if (lead === undefined) watch()
    else await takePlace(lead)
  }
  const failed = (error: unknown): void => {
    log.write('error', 'lead-not-taken', { code: noteOf(error).code })
    void shutdown.run('could not lead').then(exitFailed)
  }
  watch()
  return { facts, ended, stop: (reason) => shutdown.run(reason).then(end) }
}

/** Opens the listeners of a daemon that follows. */
async function openFollowing(
  assembly: Assembly,
  seat: Seat,
  shutdown: Shutdown,
): Promise<ReturnType<typeof factsOf>> {
  const { folder, configuration, root } = assembly
  const { clock, log } = assembly.ports
  const disk = openDisk(folder)
  const trust = { material: await materialOf(assembly, disk, root) }
  const { peer, north } = credentialsIn(trust.material)
  const network = await openNetwork({
    ...{ kind: 'site', credentials: peer, peers: peersOf(configuration), clock, log },
    checkChain: (chain, end) => chainCheckOf(trust.material, clock)(chain, end),
  })
  shutdown.add('flush', 'network', () => network[Symbol.asyncDispose]())
  const { material } = trust
  const ports = { ...assembly.ports, network, store: seat.store }
  const follower = await Follower.open({ configuration, ports, material, run: seat.run })
  shutdown.add('timers', 'follower', () => follower.stop())
  const { northListener, etsi004Listener: listen } = configuration
  const handler = follower.north
  const listener = { name: 'north', listen: northListener, credentials: north, handler, log }
  const http = await openHttp(listener)
  shutdown.addListener('north', http)
  const streams =
    listen === undefined
      ? undefined
      : await openStreamListener({ listen, credentials: north, handler: follower.streams, log })
  if (streams !== undefined) shutdown.addListener('streams', streams)
  const reload = async (): Promise<void> => {
    const renewed = await materialOf(assembly, disk, root)
    const shown = credentialsIn(renewed)
    network.reload(shown.peer)
    http.reload(shown.north)
    streams?.reload(shown.north)
    trust.material = renewed
    network.endWhere(() => true, 'new trust')
  }
  watchTrust({ disk, shutdown, clock, log, reload })
  return factsOf(assembly, { peerAddress: undefined, http, material: trust.material })
}

/** Whom a daemon that follows dials: other sites, and the leading daemon where peers reach it. */
function peersOf({
  site,
  leader,
  peerListener,
  peers,
}: Assembly['configuration']): (id: SiteId) => PeerEntry | undefined {
  const { host, port } = leader ?? peerListener
  const own = { site, host: EVERYWHERE.has(host) ? 'localhost' : host, port }
  const entries = new Map(
    [...peers, own].map((one): [string, PeerEntry] => [
      one.site,
      { kind: 'site', host: one.host, port: one.port },
    ]),
  )
  return (id) => entries.get(id)
}

/** Addresses to listen at, not to dial. */
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
/** A daemon that follows looks so often, within the time of a lease, whether it can lead. */
const LOOKS = 4
