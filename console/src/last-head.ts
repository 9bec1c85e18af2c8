/**
 * The newest signed size of the log that this browser has seen, kept from visit to visit.
 *
 * Whether the log of today continues it is proven anew each time, so a log that was rewritten in
 * between is found out by whoever has looked before. Holds a size and a hash, nothing of a patient.
 *
 * @module
 */

import { isContinued, octetsOfBase64, type ProofTree } from '#contract/proof-tree'
import { ask } from './api.ts'
import { browserPowers } from './proof-powers.ts'

export type Continuity =
  /** Seen for the first time here. */
  | { readonly kind: 'first' }
  | { readonly kind: 'continued'; readonly from: number; readonly to: number }
  /** What was seen before is no beginning of it. */
  | { readonly kind: 'broken'; readonly from: number; readonly to: number }

/** Compares a signed tree with what was seen before, and keeps the later of the two. */
export async function compareHead(origin: string, tree: ProofTree): Promise<Continuity> {
  const before = headOf(origin)
  if (before === undefined) {
    keep(origin, tree)
    return { kind: 'first' }
  }
  const [first, second] = before.size <= tree.size ? [before, tree] : [tree, before]
  const sizes = { from: first.size, to: second.size }
  const { path } = await ask(
    'consistency',
    { from: String(first.size), to: String(second.size) },
    null,
  )
  const hashes = path.map(octetsOfBase64)
  const whole = hashes.filter((hash) => hash !== undefined)
  const isSound =
    whole.length === path.length && (await isContinued(browserPowers, first, second, whole))
  // What is broken stays so: the older head is what convicts the log.
  if (isSound) keep(origin, second)
  return { kind: isSound ? 'continued' : 'broken', ...sizes }
}

function headOf(origin: string): ProofTree | undefined {
  const [size = '', root = ''] = (localStorage.getItem(placeOf(origin)) ?? '').split(' ')
  const hash = octetsOfBase64(root)
  const isWhole = /^[1-9][0-9]{0,15}$/.test(size) && hash?.length === 32
  return isWhole ? { size: Number(size), root: hash } : undefined
}

const keep = (origin: string, { size, root }: ProofTree): void =>
  localStorage.setItem(placeOf(origin), `${String(size)} ${root.toBase64()}`)

const placeOf = (origin: string): string => `photonward.log.${origin}`
