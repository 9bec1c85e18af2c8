/**
 * The demo: three hospitals, a campus and a trusted node on one machine, from nothing to proof, in eight acts.
 *
 * Does only what an operator could do by commands: it starts the same daemons and talks to them
 * over the same sockets. Every figure it shows was just measured; what does not hold stops it.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { DemoOptions, Powers } from '../commands/setup.ts'
import { EXIT } from '../exit.ts'
import { percent, scaled, type Output } from '../output.ts'
import { enrol } from './act-enrol.ts'
import { growKeys, serveKeys } from './acts-keys.ts'
import { useNetwork } from './act-network.ts'
import { eavesdrop, prove } from './acts-proof.ts'
import { exchangeRecords, sealRecords } from './acts-records.ts'
import { LINKS, SITES } from './cast.ts'
import { inviteVisitors } from './people.ts'
import type { Play } from './play.ts'
import { Stage } from './stage.ts'
import { freePorts } from './ports.ts'
import { fibrePlayer, sitePlayer, Troupe } from './troupe.ts'

/** Runs the demo. @returns the exit status */
export async function runDemo(options: DemoOptions, powers: Powers, out: Output): Promise<number> {
  const stage = new Stage(out.flags.json || out.flags.quiet)
  const troupe = new Troupe()
  const folder = placeFor(options.folder)
  const interrupted = Promise.withResolvers<never>()
  const onSignal = (): void => interrupted.reject(new Interruption())
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  try {
    const play = await castOf(options, powers, { stage, troupe, folder })
    await Promise.race([perform(play), interrupted.promise])
    out.data({ seconds: Math.round(stage.seconds), folder, ...play.seen }, () => '')
    if (options.keep) await linger(play, interrupted.promise)
    return EXIT.ok
  } catch (error) {
    if (error instanceof Interruption) return EXIT.interrupted
    throw error
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    await troupe.stopAll()
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

class Interruption extends Error {}

async function castOf(
  options: DemoOptions,
  powers: Powers,
  about: { readonly stage: Stage; readonly troupe: Troupe; readonly folder: string },
): Promise<Play> {
  const { folder } = about
  const ports = await freePorts(3 * SITES.length + LINKS.length)
  const [bristol, london, cambridge, ipswich, campus] = SITES.map(({ site, kind }, at) => {
    const [peerPort, northPort, consolePort] = ports.slice(3 * at)
    return { ...sitePlayer(site, join(folder, site), northPort), kind, peerPort, consolePort }
  })
  const [fibre, ...chain] = LINKS.map(({ a, b, clockHz, path }, at) => {
    const port = ports[3 * SITES.length + at]
    return { ...fibrePlayer(join(folder, 'fibres', `${a}-${b}`)), a, b, clockHz, path, port }
  })
  return {
    ...{ options, powers, ...about, authority: join(folder, 'authority') },
    ...{ bristol, london, cambridge, ipswich, campus, fibre, chain, charts: new Map() },
    seen: {
      secretBits: 0,
      qberHonest: 0,
      qberAttacked: 0,
      secondsToAlarm: 0,
      resources: 0,
      patients: [],
      strings: 0,
      transfers: 0,
      relayed: 0,
      exposed: 0,
      entries: 0,
      faultsPlanted: 0,
      faultsFound: 0,
      group: '',
      clock: '',
    },
  }
}

async function perform(play: Play): Promise<void> {
  const { stage } = play
  stage.title(
    'PhotonWard: hospitals exchange patients’ records under keys grown from photons',
    'simulated optics, invented patients; everything else is the real path',
  )
  await enrol(play)
  await growKeys(play)
  await serveKeys(play)
  await sealRecords(play)
  await exchangeRecords(play)
  await eavesdrop(play)
  await useNetwork(play)
  await prove(play)
  summary(play)
}

function summary({ stage, seen }: Play): void {
  const { qberHonest, qberAttacked, secondsToAlarm, patients, faultsFound, faultsPlanted } = seen
  const { relayed, exposed } = seen
  stage.box('What you have seen', [
    ['keys', `${scaled(seen.secretBits, 'bit')} grown in real time, QBER ${percent(qberHonest)}`],
    [
      'records',
      `${String(seen.resources)} resources of ${String(patients.length)} patients, sealed`,
    ],
    [
      'exchange',
      `${String(seen.transfers)} transfers, each arrived once, each with its keys on record`,
    ],
    [
      'Eve',
      `caught ${secondsToAlarm.toFixed(1)} s after she began, at QBER ${percent(qberAttacked)}`,
    ],
    [
      'network',
      `${String(relayed)} transfers under relayed keys; ${String(exposed)} rest on less since London was declared`,
    ],
    [
      'proof',
      `${String(seen.entries)} log entries verified; ${String(faultsFound)} of ${String(faultsPlanted)} forgeries found`,
    ],
    [
      'honesty',
      'simulated optics: these keys are computational, and the system does not rely on them alone',
    ],
    ['time', `${stage.seconds.toFixed(0)} s`],
  ])
}

/** Leaves everything running until the audience has seen enough. */
async function linger(play: Play, interrupted: Promise<never>): Promise<void> {
  const { stage, bristol, cambridge, ipswich, campus, fibre } = play
  stage.line('')
  for (const { name, admin } of [bristol, cambridge, ipswich, campus]) {
    const { url } = await admin.call('consoleLink', {}, null)
    stage.line(`   Console of ${name}, for ten minutes and once: ${url}`)
  }
  stage.line('   People of bristol, whose records the console shows:')
  for (const { login, shows } of await inviteVisitors(play)) {
    const { url } = await bristol.admin.call('consoleLink', {}, { as: login })
    stage.line(`   ${login.padEnd(4)} ${url}  ${shows}`)
  }
  stage.command(`./photonward --site ${bristol.folder} console --as ada`)
  stage.line('   Left running. Try, in another terminal:')
  stage.command(`./photonward --site ${bristol.folder} link watch`)
  stage.command(`./photonward --site ${cambridge.folder} record list`)
  stage.command(`./photonward attack run intercept-resend --fibre ${fibre.folder} --fraction 0.5`)
  stage.command(`./photonward --site ${bristol.folder} network status`)
  stage.command(`./photonward --site ${bristol.folder} audit tail`)
  stage.line('   Ctrl-C ends it.')
  await interrupted
}

function placeFor(wanted: string | undefined): string {
  if (wanted === undefined) return mkdtempSync(join(tmpdir(), 'photonward-demo-'))
  const folder = resolve(wanted)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}
