/**
 * What certain nodes know between them: of keys in pools, of keys given out, of keys that sessions
 * had, and of records and transfers that rest on those.
 *
 * Computed from what was noted and nothing else; reads everything there is once, and opens no record.
 *
 * @module
 */

import type { KeyId } from '#base'
import type { ExposureView, KeyExposureName, StandingName } from '#contract'
import type { Keystore } from '#keystore'
import { exposureOf, type Adversary } from '#relay'
import type { Protection } from '#session'
import { isKnown } from './declarations.ts'
import { protectionIn } from './item-view.ts'
import { leastStanding, type Judge } from './judgement.ts'
import type { KeyMemory } from './key-memory.ts'
import type { Records } from './records.ts'

export interface ReportInput {
  readonly keystore: Keystore
  readonly memory: KeyMemory
  /** None at a trusted node: nothing was sent there, and nothing came. */
  readonly records: Pick<Records, 'vault' | 'exchange'> | undefined
  /** Judges by the same adversary. */
  readonly judge: Judge
  readonly adversary: Adversary
}

/** The part of a report that is computed from what is stored. */
export type StoredExposure = Pick<
  ExposureView,
  'pools' | 'given' | 'givenKeys' | 'sessionKeys' | 'transfers' | 'items'
>

export async function storedExposure(input: ReportInput): Promise<StoredExposure> {
  return {
    ...(await blocksExposed(input)),
    sessionKeys: await sessionKeysExposed(input),
    transfers: await transfersExposed(input),
    items: await itemsExposed(input),
  }
}

async function blocksExposed({ keystore, adversary }: ReportInput) {
  const pools = new Map<string, ExposureView['pools'][number]>()
  const given = none()
  const givenKeys: KeyId[] = []
  for (const block of keystore.survey()) {
    const { exposure } = exposureOf(block.provenance, adversary)
    const { link, peer, freeOctets, givenOctets } = block
    const pool = pools.get(link) ?? { link, peer, octets: none() }
    pool.octets[exposure] += freeOctets
    pools.set(link, pool)
    given[exposure] += givenOctets
    if (isKnown(exposure) && givenOctets > 0 && givenKeys.length < NAMED_MAX) {
      givenKeys.push(...(await keystore.keysOfBlock(block)))
    }
  }
  return { pools: [...pools.values()], given, givenKeys: givenKeys.slice(0, NAMED_MAX) }
}

async function sessionKeysExposed({
  memory,
  adversary,
}: ReportInput): Promise<ExposureView['sessionKeys']> {
  const counts = none()
  const exposed: ExposureView['sessionKeys']['exposed'] = []
  for await (const key of memory.all()) {
    const { exposure } = exposureOf(key.provenance, adversary)
    counts[exposure]++
    const { keyId, at } = key
    if (isKnown(exposure) && exposed.length < NAMED_MAX) exposed.push({ keyId, at, exposure })
  }
  return { counts, exposed }
}

async function transfersExposed({
  records,
  judge,
}: ReportInput): Promise<ExposureView['transfers']> {
  const named: ExposureView['transfers']['named'] = []
  let affected = 0
  const all = records?.exchange.all() ?? []
  for await (const { transfer, direction, peer, patient, protection } of all) {
    if (protection === undefined) continue
    const standing = await judge.standing(protectionIn(protection), [peer])
    if (!isWorse(protectionIn(protection), standing)) continue
    affected++
    if (named.length >= NAMED_MAX) continue
    named.push({ transfer, direction, peer, patient: patient ?? null, standing })
  }
  return { affected, named }
}

async function itemsExposed({ records, judge }: ReportInput): Promise<ExposureView['items']> {
  const named: ExposureView['items']['named'] = []
  let [affected, unknown] = [0, 0]
  const all = records?.vault.travelled() ?? []
  for await (const { object, version, origin, protections } of all) {
    const ways = protections.map(({ record }) => protectionIn(record))
    const standings: StandingName[] = []
    for (const way of ways) standings.push(await judge.standing(way, [origin]))
    if (standings.includes('unknown')) unknown++
    if (!ways.some((way, at) => isWorse(way, standings[at]))) continue
    affected++
    if (named.length >= NAMED_MAX) continue
    named.push({ object, version, origin, standing: leastStanding(standings) })
  }
  return { affected, unknown, named }
}

/** Whether a transmission rests on less than it did when it was made. */
const isWorse = ({ used }: Protection, standing: StandingName): boolean =>
  standing === 'open' || (standing === 'post-quantum' && used === 'hybrid-quantum')

type Sums = Record<KeyExposureName, number>
const none = (): Sums => ({ nothing: 0, shares: 0, wrapped: 0, key: 0 })

/** Keys, transfers and versions that a report names. */
const NAMED_MAX = 1000
