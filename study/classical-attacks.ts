/**
 * Man in the middle and replay on the classical channel, between two real engines.
 *
 * Between daemons this channel runs inside mutual TLS, which already keeps outsiders off. Here TLS is
 * taken away: whoever sits on the wire reads everything, and changes, repeats, swaps or forges what
 * she likes. What is left are the message numbers, the shapes, and the Wegman–Carter tags.
 *
 * Each manipulation runs against a fresh link for two blocks; for each it says how many blocks both
 * ends would use, and which check caught it.
 *
 * @module
 */

import { fromCbor, linkId, siteId, toCbor, type CborValue } from '#base'
import { BatchSimulator, linkOf, presetNamed } from '#optics'
import { linkParameters, LoopbackLink, type Interceptor, type Role } from '#qkd'
import { seededRandom } from '#world/ports'
import type { Study, StudyResult } from './study.ts'

export const study: Study = { run }

type Members = Readonly<Record<string, CborValue>>

/** A manipulation; it may keep a memory of what it has seen. */
interface Manipulation {
  readonly name: string
  readonly make: () => Interceptor
}

const MANIPULATIONS: readonly Manipulation[] = [
  { name: 'nothing: she only reads', make: () => (octets) => [octets] },
  changing('hides the errors of the test basis', 'sifted', (said) => ({
    ...said,
    testBits: flipped(said['testBits']),
  })),
  changing('claims another intensity for some pulses', 'sifted', (said) => ({
    ...said,
    intensityLow: flipped(said['intensityLow']),
  })),
  changing('tampers with one parity', 'parities', (said) => ({
    ...said,
    strips: (said['strips'] as readonly Members[]).map((part, at) =>
      at === 0 ? { ...part, octets: flipped(part['octets']) } : part,
    ),
  })),
  changing('contradicts the verdict on the hashes', 'verdict', (said) => ({
    ...said,
    equal: !said['equal'],
  })),
  changing('swaps the hash of the block', 'hash', (said) => ({
    ...said,
    hash: flipped(said['hash']),
  })),
  changing('reports no errors at all', 'errors', (said) => ({ ...said, errors: [0, 0] })),
  changing('asks for a longer key', 'length', (said) => ({
    ...said,
    secretBits: Number(said['secretBits']) + 8,
  })),
  changing('swaps the seed of the amplification', 'seed', (said) => ({
    ...said,
    // Not the first bit, which every seed has alike.
    octets: flipped(said['octets'], 1),
  })),
  changing('forges a tag', 'tag', (said) => ({ ...said, tag: new Uint8Array(16) })),
  changing('proves her own hello with a guessed tag', 'hello', (said) => ({
    ...said,
    nonce: new Uint8Array(16),
  })),
  { name: 'repeats a message', make: repeating },
  { name: 'swaps two messages', make: swapping },
  { name: 'drops a message', make: dropping },
  { name: 'replays a whole earlier session', make: replaying },
]

function run(): StudyResult {
  const results = MANIPULATIONS.map(({ name, make }) => ({ name, ...outcomeOf(make(), 1) }))
  return {
    comparisons: results.map(({ name, used, differing }, at) => ({
      what: `${name}: blocks that both ends would use${differing === 0 ? '' : ', DIFFERENT'}`,
      unit: 'of 2',
      ours: used,
      published: at === 0 ? 2 : null,
      source: at === 0 ? 'nobody touched them' : 'counted',
    })),
    plots: [],
    remarks: [
      'Reading is allowed: everything said here is counted as known to Eve, and tags hide nothing.',
      ...results.map(({ name, caught }) => `${name}: ${caught}`),
    ],
  }
}

interface Outcome {
  readonly used: number
  readonly differing: number
  readonly caught: string
}

/** Runs a link over a channel that she holds. */
function outcomeOf(intercept: Interceptor, seed: number): Outcome {
  const preset = presetNamed('world-slow')
  const link = linkOf(preset)
  const parameters = linkParameters({
    link: linkId('wire'),
    transmitter: siteId('alice'),
    receiver: siteId('bob'),
    pulses: link.settings,
    blockBits: 250_000,
  })
  const of = (name: string) => seededRandom(seed, name)
  const random = { transmitter: of('a'), receiver: of('b'), bootstrap: of('c') }
  const simulator = new BatchSimulator({
    link,
    random: of('devices'),
    allowSimulatedRandomness: true,
  })
  const pair = new LoopbackLink({ parameters, random, intercept })
  const keys = { transmitter: new Map<string, string>(), receiver: new Map<string, string>() }
  for (const role of ROLES) {
    pair.ends[role].stored = ({ sequence, key }) =>
      void keys[role].set(String(sequence), Buffer.from(key.octets).toString('hex'))
  }
  for (let batch = 0; batch < BATCHES_MAX; batch++) {
    const { detections, record } = simulator.next(preset.batchSlots)
    const { slots } = detections
    let at = 0
    const choices = Uint8Array.from(slots, (slot) => {
      while (record.slots[at] !== slot) at++
      return record.choices[at]
    })
    pair.feed(detections, { batch: detections.batch, choices })
    const over = ROLES.some((role) => pair.ends[role].ended.length > 0)
    if (over || ROLES.every((role) => pair.ends[role].reports.length >= BLOCKS)) break
  }
  return judged(pair, keys)
}

function judged(pair: LoopbackLink, keys: Readonly<Record<Role, Map<string, string>>>): Outcome {
  const good = (role: Role): Set<number> =>
    new Set(
      pair.ends[role].reports
        .filter(({ outcome }) => outcome === 'distilled')
        .map(({ sequence }) => sequence),
    )
  const [one, other] = [good('transmitter'), good('receiver')]
  const used = [...one.intersection(other)].filter((sequence) => sequence < BLOCKS)
  const name = String
  const differing = used.filter(
    (sequence) => keys.transmitter.get(name(sequence)) !== keys.receiver.get(name(sequence)),
  )
  const said = ROLES.flatMap((role) => {
    const { alarms, ended, reports } = pair.ends[role]
    return [
      ...alarms.map(({ kind, facts }) => `${role} ${kind} ${JSON.stringify(facts)}`),
      ...reports.flatMap(({ cause }) => (cause === undefined ? [] : [`${role} ${cause}`])),
      ...ended.map((code) => `${role} ${code}`),
    ]
  })
  const caught = said.length === 0 ? 'nothing to catch' : [...new Set(said)].join('; ')
  return { used: used.length, differing: differing.length, caught }
}

/** Changes every message of one kind. */
function changing(name: string, kind: string, change: (said: Members) => Members): Manipulation {
  const make = (): Interceptor => (octets) => {
    const said = open(octets)
    return [said['k'] === kind ? toCbor(change(said)) : octets]
  }
  return { name, make }
}

function repeating(): Interceptor {
  let seen = 0
  return (octets) => (++seen === 20 ? [octets, octets] : [octets])
}

function swapping(): Interceptor {
  let seen = 0
  let held: Uint8Array | undefined
  return (octets, from) => {
    if (from !== 'receiver') return [octets]
    seen++
    if (seen === 10) {
      held = octets
      return []
    }
    const late = held
    held = undefined
    return late === undefined ? [octets] : [octets, late]
  }
}

function dropping(): Interceptor {
  let seen = 0
  return (octets, from) => (from === 'receiver' && ++seen === 10 ? [] : [octets])
}

/** What the transmitter said in an earlier session, in place of what it says now. */
function replaying(): Interceptor {
  const before: Uint8Array[] = []
  outcomeOf((octets, from) => {
    if (from === 'transmitter') before.push(octets)
    return [octets]
  }, 2)
  return (octets, from) => (from === 'transmitter' ? [before.shift() ?? octets] : [octets])
}

const open = (octets: Uint8Array): Members => fromCbor(octets, octets.length) as Members

function flipped(value: CborValue, at = 0): Uint8Array {
  const changed = Uint8Array.from(value as Uint8Array)
  changed[at] ^= 1
  return changed
}

const ROLES = ['transmitter', 'receiver'] as const
const BLOCKS = 2
const BATCHES_MAX = 80
