/**
 * The daemon of one site: real ports around `site`, from the folder to the first request.
 *
 * @module
 */

import { join } from 'node:path'
import { linkId, siteId, type LinkId, type Ports, type SiteId } from '#base'
import { labRoutes, siteRoutes, type SiteFacts } from '#contract'
import { remoteReceiver, remoteTransmitter } from '#optics'
import {
  chainCheckOf,
  controlErrorBody,
  credentialsIn,
  mayCall,
  openSite,
  readMaterial,
  TrustAlarms,
  YANG_JSON,
  type Devices,
  type Material,
  type RootKey,
  type Site,
  type SiteConfiguration,
  type Surroundings,
  type Unsealed,
} from '#site'
import { openAdmin } from './admin.ts'
import { labHandlers } from './console-lab.ts'
import { ConsoleSessions } from './console-sessions.ts'
import { openConsole, type ConsoleListener } from './console.ts'
import { readableFrom } from './cors.ts'
import { sweepPending } from './disk.ts'
import { openStreamListener, type StreamListener } from './etsi-004.ts'
import { openHttp, type HttpListener } from './http.ts'
import { workerCompute } from './link-compute.ts'
import { addressText, type TcpAddress } from './listen.ts'
import { Arrivals, type OutsideDesk } from './login/arrivals.ts'
import { OutsideProviders } from './login/outside.ts'
import { SignOnServer } from './login/server.ts'
import { openNetwork, type TlsNetwork } from './network.ts'
import { openPartnerListener, openPartners, type PartnerLinks } from './partners.ts'
import { deviceChannel, type PeerEntry } from './peer.ts'
import { policiesAt } from './policies.ts'
import { GatewayRefusal } from './refusal.ts'
import { settingsOf } from './settings.ts'
import type { Shutdown } from './shutdown.ts'
import type { OpenStore } from './store-open.ts'
import type { Credentials } from './tls.ts'
import { watchTrust } from './trust.ts'
import { knock } from './knock.ts'
import { SyslogWay } from './syslog.ts'
import { vendorKmesAt } from './vendor-kme.ts'

export interface DaemonOptions {
  readonly folder: string
  /** Which of several daemons of the site this one is; none where there is one. */
  readonly as?: string | undefined
  /** Or enough shares, one a line. Left out where they are given later, to the sealed daemon. */
  readonly passphrase: Uint8Array | undefined
  /** Told when a daemon that was sealed has opened. */
  readonly onFacts?: (facts: SiteFacts) => void
  readonly version: string
}

export interface Daemon {
  readonly facts: SiteFacts
  /** Resolves when the daemon has shut down. */
  readonly ended: Promise<void>
  stop(reason: string): Promise<void>
}

/** What a daemon is made from, whatever it is to do. */
export interface Assembly {
  readonly options: DaemonOptions
  readonly folder: string
  readonly configuration: SiteConfiguration
  /** Ends what this opens, when the daemon ends or is sealed. */
  readonly shutdown: Shutdown
  /** Disposed when `shutdown` has run. */
  readonly root: RootKey
  /** How it was given, where people gave it to the sealed daemon. */
  readonly unsealed?: Pick<Unsealed, 'form' | 'refused'> | undefined
  /** Asked to forget the root key. @param north   by which listeners say that it is sealed */
  readonly onSeal: (north: Credentials) => void
  readonly ports: Pick<Ports, 'clock' | 'log' | 'random'>
}

/** What only one daemon of a site has at a time. */
export interface Holdings {
  readonly store: OpenStore
  readonly disk: Ports['disk']
}

/**
 * Starts the whole site: the only daemon of it, or the one that leads.
 *
 * @throws GatewayRefusal, EnrolmentRefusal, RootKeyRefusal, LogRefusal and others
 */
export async function assemble(assembly: Assembly, { store, disk }: Holdings): Promise<Daemon> {
  const { options, folder, configuration, shutdown, ports } = assembly
  const { clock, log } = ports
  shutdown.add('close', 'store', () => store[Symbol.asyncDispose]())
  void store.closed.then((refusal) => {
    // Nobody knows what is durable any more: end, and look again at the next start.
    if (refusal !== undefined) void shutdown.run(`store failed: ${refusal.code}`).then(exitFailed)
  })
  sweepPending(folder)
  const { root, unsealed } = assembly
  const material = await materialOf(assembly, disk, root)
  const { peer, north } = credentialsIn(material)
  const trust = { material }
  const network = await openNetwork({
    kind: 'site',
    credentials: peer,
    listen: configuration.peerListener,
    peers: peersOf(configuration),
    clock,
    log,
    checkChain: (chain, end) => chainCheckOf(trust.material, clock)(chain, end),
    messageOctetsMax: (channel) =>
      channel.startsWith('link:') ? LINK_MESSAGE_MAX : PEER_MESSAGE_MAX,
  })
  shutdown.addListener('network', network)
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const stop = (reason: string): Promise<void> => shutdown.run(reason).then(end)
  const partners = partnersOf(assembly)
  const outside = outsideOf(assembly)
  const open: Listeners = {}
  const site = await openSite({
    configuration,
    ports: { ...ports, network, disk, store },
    devices: devicesOf(configuration, network),
    compute: workerCompute,
    vendorKmes: vendorKmesAt(folder),
    knock: (url, headers) => knock(url, headers),
    siem: configuration.siem && new SyslogWay(configuration.siem, folder),
    ...{ material, partners, root, unsealed },
    policies: policiesAt(folder),
    version: options.version,
    surroundings: () => ({
      folder,
      engine: store.engine,
      listeners: listenersOf({ network, ...open }),
    }),
    settings: settingsOf(folder),
    onStop: () => void stop('asked by the operator'),
    onSeal: () => assembly.onSeal(credentialsIn(trust.material).north),
    newConsoleLink: (holder) => open.console?.newLink(holder),
  })
  shutdown.add('timers', 'site', () => site.stop())
  await site.start()
  const http = await openNorth(assembly, site, north)
  open.http = http
  Object.assign(open, await openOthers(assembly, site, { north, partners, outside }))
  await openOperatorSocket(assembly, site)
  followTrust(assembly, { disk, root, network, ...open, trust, site })
  const facts = factsOf(assembly, { peerAddress: network.address, http, material })
  return { facts, ended, stop }
}

async function openNorth(
  { configuration, shutdown, ports }: Assembly,
  site: Site,
  credentials: Credentials,
): Promise<HttpListener> {
  const http = await openHttp({
    name: 'north',
    listen: configuration.northListener,
    credentials,
    handler: site.north,
    log: ports.log,
  })
  shutdown.addListener('north', http)
  return http
}

/** Listeners besides that for peers, once they are open. */
interface Listeners {
  http?: HttpListener
  streams?: StreamListener | undefined
  partners?: HttpListener | undefined
  control?: HttpListener | undefined
  fhir?: HttpListener | undefined
  console?: ConsoleListener | undefined
}

function listenersOf(open: Listeners & { network: TlsNetwork }): Surroundings['listeners'] {
  const { network, http, console } = open
  const optional = [
    ['streams (GS QKD 004)', open.streams],
    ['partners (GS QKD 020)', open.partners],
    ['control (GS QKD 015)', open.control],
    ['records (FHIR R4)', open.fhir],
  ] as const
  return [
    { name: 'peers', address: textOf(network.address) },
    { name: 'north (GS QKD 014)', address: textOf(http?.address) },
    ...optional.flatMap(([name, listener]) =>
      listener === undefined ? [] : [{ name, address: textOf(listener.address) }],
    ),
    ...(console === undefined ? [] : [{ name: 'console', address: console.origin }]),
  ]
}

/** The listeners that a site may have or not. */
const openOthers = async (
  assembly: Assembly,
  site: Site,
  {
    north,
    partners,
    outside,
  }: {
    north: Credentials
    partners: PartnerLinks | undefined
    outside: OutsideDesk | undefined
  },
): Promise<Omit<Listeners, 'http'>> => ({
  streams: await openStreams(assembly, site, north),
  partners: await listenForPartners(assembly, site, partners),
  control: await openControl(assembly, site, north),
  fhir: await openFhir(assembly, site, { credentials: north, outside }),
  console: await openOperatorConsole(assembly, site, outside),
})

/** The listener for key streams, where one is configured. */
async function openStreams(
  { configuration, shutdown, ports }: Assembly,
  site: Site,
  credentials: Credentials,
): Promise<StreamListener | undefined> {
  const { etsi004Listener: listen } = configuration
  if (listen === undefined) return undefined
  const { log } = ports
  const streams = await openStreamListener({ listen, credentials, handler: site.streams, log })
  shutdown.addListener('streams', streams)
  return streams
}

/** The way to other operators, where there are any. */
function partnersOf({ configuration, folder, shutdown }: Assembly): PartnerLinks | undefined {
  const partners = openPartners(configuration, folder)
  if (partners !== undefined) shutdown.add('close', 'partners', () => partners[Symbol.dispose]())
  return partners
}

/** Providers of sign-in outside, where there are any. */
function outsideOf({ configuration, folder, shutdown, ports }: Assembly): OutsideDesk | undefined {
  const { providers: known } = configuration.people
  if (known.length === 0) return undefined
  const providers = new OutsideProviders({ providers: known, folder, ...ports })
  shutdown.add('close', 'outside', () => providers[Symbol.dispose]())
  return { providers, arrivals: new Arrivals(providers, ports.clock) }
}

/** The listener for other operators, where one is configured. */
async function listenForPartners(
  { configuration, shutdown, ports }: Assembly,
  site: Site,
  links: PartnerLinks | undefined,
): Promise<HttpListener | undefined> {
  const { etsi020Listener: listen } = configuration
  if (listen === undefined || links === undefined) return undefined
  const listener = await openPartnerListener({ listen, links, site, log: ports.log })
  shutdown.addListener('partners', listener)
  return listener
}

/** The listener for controllers, where one is configured. */
async function openControl(
  { configuration, shutdown, ports }: Assembly,
  site: Site,
  credentials: Credentials,
): Promise<HttpListener | undefined> {
  const { restconfListener: listen } = configuration
  if (listen === undefined) return undefined
  const errorBody = (status: number, message: string): string =>
    controlErrorBody(ERROR_TAGS[status] ?? 'operation-failed', message)
  const control = await openHttp({
    ...{ name: 'control', listen, credentials, handler: site.restconf, log: ports.log },
    ...{ bodyOctetsMax: CONTROL_BODY_MAX, errors: { errorBody, errorType: YANG_JSON } },
  })
  shutdown.addListener('control', control)
  // They would go on for ever.
  shutdown.add('listen', 'streams of events', () => site.parts.control.stop())
  return control
}

/** The listener for clients of FHIR, where one is configured. */
async function openFhir(
  { configuration, shutdown, ports }: Assembly,
  site: Site,
  { credentials, outside }: { credentials: Credentials; outside: OutsideDesk | undefined },
): Promise<HttpListener | undefined> {
  if (configuration.fhir === undefined) return undefined
  const { listen, tokens, origins } = configuration.fhir
  const { fhir: desk, authorizing } = site
  if (desk === undefined) {
    throw new GatewayRefusal('CONFIG_INVALID', 'A trusted node serves no records: leave out "fhir"')
  }
  const fhir = await openHttp({
    ...{ name: 'fhir', listen, credentials, log: ports.log },
    handler: readableFrom(origins, desk.handle),
    certificates: tokens ? 'welcome' : 'needed',
    ...(authorizing === undefined
      ? {}
      : { apart: new SignOnServer(authorizing, ports.log, outside) }),
    bodyOctetsMax: desk.bodyOctetsMax,
    errors: { errorBody: desk.errorBody, errorType: desk.errorType },
  })
  shutdown.addListener('fhir', fhir)
  return fhir
}

async function openOperatorSocket(
  { folder, shutdown, ports }: Assembly,
  site: Site,
): Promise<void> {
  const path = join(folder, ADMIN_SOCKET)
  const admin = await openAdmin({ path, table: siteRoutes, handlers: site.admin, log: ports.log })
  shutdown.addListener('admin', admin)
}

/** The console, where one is configured. */
async function openOperatorConsole(
  { configuration, folder, shutdown, ports }: Assembly,
  site: Site,
  outside: OutsideDesk | undefined,
): Promise<ConsoleListener | undefined> {
  const { consoleListener: listen, consoleFibres, profile } = configuration
  if (listen === undefined) return undefined
  const sessions = new ConsoleSessions(ports)
  const { log } = ports
  const lab = labHandlers(folder, profile === 'demo' ? consoleFibres : [], ports.random)
  const { people } = site
  const console = await openConsole({
    ...{ listen, pages: CONSOLE_PAGES, sessions, log, people, outside },
    table: { ...siteRoutes, ...labRoutes },
    handlersFor: (asker, route) => {
      if (asker === undefined) return { ...site.admin, ...lab }
      if (people !== undefined && mayCall(route, asker.view.roles)) {
        return { ...people.adminFor(asker.holder), ...lab }
      }
      throw new GatewayRefusal('ROUTE_FORBIDDEN', 'None of your roles reaches this')
    },
    fhirOctetsMax: site.fhir?.bodyOctetsMax,
  })
  shutdown.addListener('console', console)
  return console
}

/** @throws EnrolmentRefusal, PkiRefusal */
export const materialOf = (
  { configuration, ports }: Pick<Assembly, 'configuration' | 'ports'>,
  disk: Ports['disk'],
  root: RootKey,
): Promise<Material> =>
  readMaterial(
    disk,
    { site: configuration.site, kme: configuration.kme, root },
    {
      clock: ports.clock,
      report: (peer, reason) =>
        ports.log.write('warning', 'peer-statement-refused', { peer, reason }),
    },
  )

/**
 * Brings new revocation lists and certificates into force: new handshakes are checked under them,
 * and standing connections have to prove themselves anew.
 */
function followTrust(
  assembly: Assembly,
  held: {
    disk: Ports['disk']
    root: RootKey
    network: TlsNetwork
    http?: HttpListener
    streams?: StreamListener | undefined
    control?: HttpListener | undefined
    fhir?: HttpListener | undefined
    /** Under what chains of peers are checked. */
    trust: { material: Material }
    site: Site
  },
): void {
  const { configuration, shutdown, ports } = assembly
  const { disk, root, network, http, streams, control, fhir, trust } = held
  const { site, kme } = configuration
  const { alarms } = held.site.parts
  const trustAlarms = new TrustAlarms({
    disk,
    clock: ports.clock,
    log: ports.log,
    alarms,
    site,
    kme,
  })
  shutdown.add('timers', 'trust alarms', () => trustAlarms.stop())
  trustAlarms.start()
  const reload = async (): Promise<void> => {
    const material = await materialOf(assembly, disk, root)
    const { peer, north } = credentialsIn(material)
    network.reload(peer)
    http?.reload(north)
    streams?.reload(north)
    control?.reload(north)
    fhir?.reload(north)
    trust.material = material
    const ended = network.endWhere(() => true, 'new trust')
    ports.log.write('info', 'trust-reloaded', { connectionsEnded: ended })
    await trustAlarms.look()
  }
  watchTrust({ disk, shutdown, clock: ports.clock, log: ports.log, reload })
}

function peersOf(configuration: SiteConfiguration): (id: SiteId) => PeerEntry | undefined {
  const entries = new Map<string, PeerEntry>()
  // Its other daemons, which dial the one that leads.
  if (configuration.daemons.length > 0) entries.set(configuration.site, { kind: 'site' })
  for (const { site, host, port } of configuration.peers) {
    entries.set(site, { kind: 'site', host, port })
  }
  for (const { device } of configuration.links) {
    entries.set(device.name, { kind: 'device', host: device.host, port: device.port })
  }
  return (id) => entries.get(id)
}

function devicesOf(configuration: SiteConfiguration, network: TlsNetwork): Devices {
  const dial = (link: LinkId, role: 'transmitter' | 'receiver') => {
    const found = configuration.links.find((one) => linkId(one.link) === link)
    return network.dial(siteId(found?.device.name ?? ''), deviceChannel(link, role))
  }
  return {
    transmitter: async (link) => remoteTransmitter(await dial(link, 'transmitter')),
    receiver: async (link) => remoteReceiver(await dial(link, 'receiver')),
  }
}

/** What a daemon says of itself once it serves. */
export function factsOf(
  { configuration, folder, options }: Assembly,
  open: {
    readonly peerAddress: TcpAddress | undefined
    readonly http: HttpListener
    readonly material: Material
  },
): SiteFacts {
  return {
    site: configuration.site,
    profile: configuration.profile,
    folder,
    ...(options.as === undefined ? {} : { daemon: options.as }),
    peerAddress: textOf(open.peerAddress),
    northAddress: `https://${textOf(open.http.address)}`,
    adminSocket: join(folder, ADMIN_SOCKET),
    rootFingerprint: open.material.rootFingerprint,
  }
}

/** A daemon that lost its store ends as a failure, so that whoever watches it starts it anew. */
export const exitFailed = (): void => process.exit(1)

const textOf = (address: { host: string; port: number } | undefined): string =>
  address === undefined ? 'not listening' : addressText(address)

export const CONFIG_FILE = 'photonward.json'
export const ADMIN_SOCKET = 'admin.sock'
/** Folder of the console's pages, built. */
export const CONSOLE_PAGES = join(import.meta.dirname, '../../console/dist')
/** Error tags of RFC 8040 §7 for what no handler answers. */
const ERROR_TAGS: Readonly<Partial<Record<number, string>>> = {
  400: 'malformed-message',
  404: 'invalid-value',
  413: 'too-big',
  503: 'resource-denied',
}
const CONTROL_BODY_MAX = 65_536
/** A block of the largest size is announced in one message. */
const LINK_MESSAGE_MAX = 24 * 1024 * 1024
const PEER_MESSAGE_MAX = 16 * 1024 * 1024
