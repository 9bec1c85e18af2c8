/**
 * The photonward command: the command line, and the real world that it needs.
 *
 * Rooms are opened only when a command needs them, so that asking a running site is quick.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { CliRefusal, runCli, type Powers } from '#cli'

const version = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
).version

const gateway = () => import('#gateway')
const networks = () => import('../study/network/mod.ts')

const powers: Powers = {
  version,
  createAuthority: async (folder, passphrase) =>
    (await gateway()).createAuthority(folder, passphrase),
  initSite: async (folder, options) => (await gateway()).initSite(folder, options),
  initFibre: async (folder, options) => (await gateway()).initFibre(folder, options),
  requestOf: async (folder) => (await gateway()).requestOf(folder),
  issue: async (authority, folder, about) => (await gateway()).issue(authority, folder, about),
  requestAnew: async (folder, passphrase) => (await gateway()).requestAnew(folder, passphrase),
  issued: async (authority, passphrase) => (await gateway()).issued(authority, passphrase),
  actsOf: async (authority) => (await gateway()).actsOf(authority),
  issueSae: async (authority, sae, into, passphrase) =>
    (await gateway()).issueSae(authority, sae, into, passphrase),
  revoke: async (authority, serial, passphrase) =>
    (await gateway()).revokeCertificate(authority, serial, passphrase),
  publish: async (authority, folders, passphrase) =>
    (await gateway()).publish(authority, folders, passphrase),
  openKme: async (options) => new (await import('#gateway/client')).KmeConnection(options),
  showRootKey: async (folder) => (await gateway()).showRootKey(folder),
  changeRootKeyForm: async (folder, change) => (await gateway()).changeRootKeyForm(folder, change),
  changeRootKey: async (folder, change) => (await gateway()).changeRootKey(folder, change),
  newAgeIdentity: async () => {
    const { newIdentity, readIdentities, recipientOf } = await import('#envelope')
    const identity = newIdentity((await gateway()).testedRandom())
    return { identity, recipient: recipientOf(readIdentities(identity)[0]) }
  },
  openAge: async function* (file, identities) {
    const { openAge, readIdentities } = await import('#envelope')
    yield* openAge(file, readIdentities(identities))
  },
  addSae: async (folder, sae) => (await gateway()).addSae(folder, sae),
  inspect: async (path) => (await gateway()).inspect(path),
  joinSites: async (first, second, fibre) => (await gateway()).joinSites(first, second, fibre),
  serve: async (folder, about, ready) => {
    const daemon = await (await gateway()).startSite({ folder, ...about, version, onFacts: ready })
    ready(daemon.facts)
    await daemon.ended
  },
  serveFibres: async (folders, ready) => {
    const fibres = await (await gateway()).startFibres(folders)
    for (const { facts } of fibres) ready(facts)
    await Promise.all(fibres.map(({ ended }) => ended))
  },
  placeInNetwork: async (folder, about) => (await gateway()).placeInNetwork(folder, about),
  cohort: async (seed, patients) => (await gateway()).cohort(seed, patients),
  textsIn: async (octets) => (await gateway()).textsIn(octets),
  exportKeys: async (folder, about) => (await gateway()).exportKeys(folder, about),
  importKeys: async (folder, about) => (await gateway()).importKeys(folder, about),
  createPsk: async (folder, about) => (await gateway()).createPsk(folder, about),
  importPsk: async (folder, about) => (await gateway()).importPsk(folder, about),
  explainConfiguration: async (folder) => (await gateway()).explainConfiguration(folder),
  examine: async function* (folder, passphrase) {
    yield* (await gateway()).examine({ folder, passphrase })
  },
  verifyStopped: async function* (folder, passphrase) {
    yield* (await gateway()).verifyStopped(folder, passphrase)
  },
  proofPowers: async () => (await gateway()).proofPowers,
  bench: async (groups, out) => {
    const { runBenchmarks } = await import('../bench/run.ts')
    return runBenchmarks(groups, out)
  },
  explain: async (options) => {
    const { explainPreset } = await import('../study/explain.ts')
    return explainPreset(options)
  },
  study: async (names, options) => {
    const { runStudies } = await import('../study/run.ts')
    return runStudies(names, options)
  },
  networkNames: async () => (await networks()).networkNames(),
  readNetwork: async (name) => (await networks()).readNetwork(name),
  planNetwork: async (file, options) => (await networks()).planNetwork(file, options),
  paceNetwork: async (file, most) => (await networks()).paceNetwork(file, most),
  simulateNetwork: async (what, options) => (await networks()).simulateThis(what, options),
  drawNetwork: async (plan) => (await networks()).drawNetwork(plan),
  readPassphrase,
}

/** The passphrase in a file, or from standard input. @throws CliRefusal `FILE_UNREADABLE` */
function readPassphrase(file: string): Uint8Array {
  try {
    return trimmed(readFileSync(file === '-' ? 0 : file))
  } catch (cause) {
    throw new CliRefusal('FILE_UNREADABLE', `Cannot read ${file}`, { cause })
  }
}

/** A passphrase as typed or stored, without the line's end. */
function trimmed(octets: Uint8Array): Uint8Array {
  let end = octets.length
  while (end > 0 && (octets[end - 1] === 10 || octets[end - 1] === 13)) end--
  return new Uint8Array(octets.subarray(0, end))
}

process.exitCode = await runCli(process.argv.slice(2), powers)
