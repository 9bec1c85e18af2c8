/**
 * How a running network stands: asked of every daemon over its own socket.
 *
 * @module
 */

import type { AlarmView, LinkView, NetworkView, PoolView } from '#contract'
import { CliRefusal } from '../exit.ts'
import type { Company } from './run-folder.ts'

export interface LinkSample {
  readonly link: string
  /** As its transmitter's site has it, else its receiver's; null if neither answers. */
  readonly state: LinkView['state'] | null
  readonly qber: number | null
  readonly secretBitsPerSecond: number
  /** Bits that either end may give out. */
  readonly availableBits: number
  /** What is done to the fibre: `none`, or the name of an attack. */
  readonly attack: string
}

export interface PairSample {
  readonly a: string
  readonly b: string
  readonly state: NetworkView['pairs'][number]['state'] | 'direct' | null
  readonly reason: string | null
  /** AES-256 keys that the first site may give out now. */
  readonly keys: number
  /** Blocks that both have relayed to each other. */
  readonly blocks: number
  /** Of the last block of the first site or, if it made none, of the second; from first to second. */
  readonly ways: readonly (readonly string[])[]
}

export interface NetworkSample {
  readonly network: string
  readonly sites: readonly { readonly site: string; readonly answers: boolean }[]
  readonly links: readonly LinkSample[]
  readonly pairs: readonly PairSample[]
  readonly alarms: readonly { readonly site: string; readonly alarm: AlarmView }[]
}

/** What one site says. */
interface Word {
  readonly links: readonly LinkView[]
  readonly network: NetworkView
  readonly pools: readonly PoolView[]
  readonly alarms: readonly AlarmView[]
}

/** Asks all daemons of a network. Those that do not run are told as such. */
export async function sampleOf(company: Company): Promise<NetworkSample> {
  const { run, sites, fibres } = company
  const words = new Map(
    await Promise.all(
      [...sites].map(async ([name, { admin }]) => {
        const word = await orNothing(async () => {
          const [links, network, pools, alarms] = await Promise.all([
            admin.call('links', {}, null),
            admin.call('network', {}, null),
            admin.call('pools', {}, null),
            admin.call('alarms', {}, null),
          ])
          return { links, network, pools, alarms } satisfies Word
        })
        return [name, word] as const
      }),
    ),
  )
  const attacks = new Map(
    await Promise.all(
      [...fibres].map(async ([link, { admin }]) => {
        const view = await orNothing(() => admin.call('fibre', {}, null))
        return [link, view?.attack.kind ?? 'none'] as const
      }),
    ),
  )
  return {
    network: run.network,
    sites: run.sites.map(({ site }) => ({ site, answers: words.get(site) !== undefined })),
    links: run.links.map((link) => linkSample(link, words, attacks.get(link.link) ?? 'none')),
    pairs: run.pairs.map((pair) => pairSample(pair, words)),
    alarms: [...words].flatMap(([site, word]) =>
      (word?.alarms ?? [])
        .filter(({ clearedAt }) => clearedAt === null)
        .map((alarm) => ({ site, alarm })),
    ),
  }
}

type Words = ReadonlyMap<string, Word | undefined>

function linkSample(
  { link, a, b }: Company['run']['links'][number],
  words: Words,
  attack: string,
): LinkSample {
  const view = [a, b]
    .map((site) => words.get(site)?.links.find((one) => one.link === link))
    .find((one) => one !== undefined)
  const heard = [...words.values()]
    .map((word) => word?.network.links.find((one) => one.link === link))
    .find((one) => one !== undefined && one.status !== 'unheard')
  const [fromA = 0, fromB = 0] = heard?.freeOctets ?? []
  return {
    ...{ link, attack, state: view?.state ?? null, qber: view?.qber ?? null },
    secretBitsPerSecond: view?.secretBitsPerSecond ?? 0,
    availableBits: 8 * (fromA + fromB),
  }
}

function pairSample({ a, b, isDirect }: Company['run']['pairs'][number], words: Words): PairSample {
  const [here, there] = [words.get(a), words.get(b)]
  const pool = here?.pools.find(({ peer }) => peer === b)
  const keys = pool?.availableKeys ?? 0
  if (isDirect) {
    const state = here === undefined ? null : ('direct' as const)
    return { a, b, state, reason: null, keys, blocks: 0, ways: [[a, b]] }
  }
  const out = here?.network.pairs.find(({ peer }) => peer === b)
  const back = there?.network.pairs.find(({ peer }) => peer === a)
  const own = out?.ways ?? []
  return {
    ...{ a, b, keys, state: out?.state ?? null, reason: out?.reason ?? null },
    blocks: (out?.blocks ?? 0) + (back?.blocks ?? 0),
    ways: own.length > 0 ? own : (back?.ways ?? []).map((way) => way.toReversed()),
  }
}

/** The answer of a daemon, or nothing if it does not run, or is just ending. */
async function orNothing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof CliRefusal || isCutOff(error)) return undefined
    throw error
  }
}

/** Whether a daemon was killed while it answered. */
const isCutOff = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ECONNRESET'
