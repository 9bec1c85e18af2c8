/**
 * Looks whether a site can work, and says what to do where it cannot: machine, folder,
 * configuration, ports, trust, reach, clock and log. Changes nothing.
 *
 * Works beside a running daemon as well as without one. What needs the site's keys is skipped where
 * they are under a passphrase that was not given.
 *
 * @module
 */

import { lstatSync, readdirSync, realpathSync, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { Refusal } from '#base'
import type { CheckView } from '#contract'
import { SiteConfigurationShape, type SiteConfiguration } from '#site'
import { answers, line } from './check.ts'
import { readConfigurationFile } from './config.ts'
import { logCheck } from './doctor-log.ts'
import { clockCheck, memoryChecks } from './doctor-machine.ts'
import { outsideChecks } from './doctor-outside.ts'
import { trustChecks } from './doctor-trust.ts'
import { LOCK_FILE } from './folder.ts'
import { listenersOf } from './explain-network.ts'
import { configurationChecks } from './explain.ts'
import { addressText, listenTcp, type TcpAddress } from './listen.ts'
import { testedRandom } from './random.ts'
import { GatewayRefusal } from './refusal.ts'
import { ADMIN_SOCKET, CONFIG_FILE } from './site-daemon.ts'

export interface DoctorOptions {
  readonly folder: string
  readonly passphrase: Uint8Array | undefined
}

/** Looks at everything, one thing after the other. */
export async function* examine({ folder, passphrase }: DoctorOptions): AsyncGenerator<CheckView> {
  yield* machineChecks()
  yield* clockCheck()
  const place = resolve(folder)
  yield* folderChecks(place)
  const configuration = configurationIn(place)
  if (configuration instanceof Refusal) {
    yield line('configuration', 'fail', configuration.message, 'photonward config check')
    return
  }
  const problems = configurationChecks(configuration)
  yield* problems
  if (problems.length === 0) {
    yield line('configuration', 'ok', `${configuration.site}, profile ${configuration.profile}`)
  }
  const running = await answers({ path: join(place, ADMIN_SOCKET) })
  yield running
    ? line('daemon', 'ok', 'it runs')
    : line('daemon', 'warn', 'it does not run', `photonward serve --site ${place}`)
  yield* memoryChecks(join(realpathSync(place), LOCK_FILE))
  for (const [member, address] of Object.entries(listenersOf(configuration))) {
    if (address === undefined) continue
    yield await portCheck(PORTS[member as keyof typeof PORTS], address, running)
  }
  const site = { folder: realpathSync(place), configuration, passphrase }
  yield* trustChecks(site)
  yield* outsideChecks(site)
  yield await logCheck(site)
}

function* machineChecks(): Generator<CheckView> {
  const { node, openssl } = process.versions
  const [major] = node.split('.').map(Number)
  const says = `Node ${node} with OpenSSL ${openssl}`
  yield major >= NODE_LEAST
    ? line('runtime', 'ok', says)
    : line('runtime', 'fail', says, `start it by ./photonward, which brings Node ${NODE_LEAST}`)
  try {
    testedRandom()
    yield line('random source', 'ok', 'passes its start-up tests')
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown'
    yield line('random source', 'fail', why, 'do not run a key manager on this machine')
  }
}

function* folderChecks(place: string): Generator<CheckView> {
  let root
  try {
    root = realpathSync(place)
    readdirSync(root)
  } catch {
    yield line('folder', 'fail', `cannot read ${place}`, 'run as the account of the daemon')
    return
  }
  const { mode, uid } = lstatSync(root)
  if (process.getuid !== undefined && uid !== process.getuid()) {
    yield line(
      'folder',
      'fail',
      `${root} is of another account`,
      'run as the account of the daemon',
    )
  } else if ((mode & 0o077) !== 0) {
    yield line('folder', 'fail', `other accounts can enter ${root}`, `chmod 700 ${root}`)
  } else {
    yield line('folder', 'ok', `${root} is for its owner only`)
  }
  const open = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => ((lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o022) !== 0)
  if (open.length > 0) {
    const says = `others may write ${String(open.length)} files, such as ${open[0]}`
    yield line('permissions', 'warn', says, `chmod -R go-rwx ${root}`)
  } else yield line('permissions', 'ok', 'nobody else may write any file in it')
  yield* spaceChecks(root)
}

function* spaceChecks(root: string): Generator<CheckView> {
  const { bavail, bsize, type } = statfsSync(root)
  const free = bavail * bsize
  const says = `${(free / 1e9).toFixed(1)} GB are free`
  const next = 'make room: a full disk stops keys, records and the log'
  if (free < SPACE_FAIL_OCTETS) yield line('disk space', 'fail', says, next)
  else if (free < SPACE_WARN_OCTETS) yield line('disk space', 'warn', says, next)
  else yield line('disk space', 'ok', says)
  const network = NETWORK_FILE_SYSTEMS.get(type)
  if (network !== undefined) {
    const found = `the folder lies on ${network}, where locks cannot be relied on`
    yield line('file system', 'fail', found, 'move the folder to a disk of this machine')
  }
}

function configurationIn(place: string): SiteConfiguration | GatewayRefusal {
  try {
    return readConfigurationFile(join(place, CONFIG_FILE), SiteConfigurationShape)
  } catch (error) {
    if (error instanceof GatewayRefusal) return error
    throw error
  }
}

async function portCheck(name: string, at: TcpAddress, running: boolean): Promise<CheckView> {
  const address = addressText(at)
  if (running) {
    const host = ANY_HOST.get(at.host) ?? at.host
    return (await answers({ host, port: at.port }))
      ? line(name, 'ok', `the daemon listens on ${address}`)
      : line(name, 'fail', `nobody listens on ${address}`, 'look into log/daemon.log of the site')
  }
  const server = createServer()
  try {
    await listenTcp(server, at)
    return line(name, 'ok', `${address} is free`)
  } catch (error) {
    const says = error instanceof Refusal ? error.message : `cannot listen on ${address}`
    return line(name, 'fail', says, `end what listens there, or change the port in ${CONFIG_FILE}`)
  } finally {
    server.close()
  }
}

const PORTS = {
  peerListener: 'port for peers',
  northListener: 'port for applications',
  etsi004Listener: 'port for key streams',
  etsi020Listener: 'port for partners',
  restconfListener: 'port for controllers',
} as const
const NODE_LEAST = 26
const SPACE_FAIL_OCTETS = 256e6
const SPACE_WARN_OCTETS = 2e9
const ANY_HOST: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
])
/** statfs(2): file systems whose locks and syncs depend on another machine. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
])
