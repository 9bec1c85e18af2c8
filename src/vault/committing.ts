/**
 * Makes one commit of several units: plans, compares with what is stored, seals, signs, logs.
 *
 * Runs while no other write of the vault is prepared. A unit that is refused on the way is told so
 * and left out; what goes wrong for all of them refuses all.
 *
 * @module
 */

import { assert, hex, PortRefusal, sameOctets, type EpochMs, type Statement } from '#base'
import { canonicalText, ownershipOf } from '#health'
import { placeContainers } from './blobs.ts'
import { GONE, likenessOf } from './body.ts'
import type { Change, WriteUnit, WriteView, Written } from './changes.ts'
import { eachStep, paced, type VaultContext } from './context.ts'
import { requireUnheldBy } from './holds.ts'
import { indexStatements, type Indexed } from './indexing.ts'
import type { HolderKey } from './holder-key.ts'
import { requireOwnName } from './names.ts'
import { objectsCalled } from './naming.ts'
import { holdersOfObject, isErased, objectsByIdentity, type StoredObject } from './objects.ts'
import { objectNamed, openAt } from './opened.ts'
import { erased, VaultRefusal } from './refusal.ts'
import { sealVersion, type Sealed } from './sealing.ts'
import { checkSubjects, holdersOf, presentHolders, type Holders, type Owned } from './subjects.ts'
import { requireKnown, requireSynthetic } from './synthetic.ts'
import { identityOf } from './tags.ts'
import { patientIn, trailEntries, versionName, type Touched } from './trail.ts'
import { writeGroup } from './writing.ts'

/** A unit, and who waits for it. */
export interface Pending {
  readonly unit: WriteUnit
  readonly resolve: (written: readonly Written[]) => void
  readonly reject: (error: unknown) => void
}

/** Commits units as one group; where that fails, perhaps for one of them, one by one. Never rejects. */
export async function commitUnits(context: VaultContext, units: readonly Pending[]): Promise<void> {
  try {
    using keys = new DisposableStack()
    const drafts = await compared(context, await planned(context, units))
    const staged = await withHolders(context, drafts, keys)
    for (const { draft, written } of await commit(context, staged)) draft.resolve(written)
  } catch (error) {
    const isStore = error instanceof PortRefusal && error.code !== 'STORE_CONFLICT'
    if (units.length === 1 || isStore) for (const { reject } of units) reject(error)
    else for (const unit of units) await commitUnits(context, [unit])
  }
}

/** A unit with its changes. */
interface Draft extends Pending {
  readonly items: readonly Item[]
}

/** A change beside what is stored. */
interface Item {
  readonly change: Change
  readonly identity: Uint8Array
  readonly before: StoredObject | undefined
  readonly text: string
  readonly deed: Written['deed']
  /** What is put, and whose it is. */
  readonly owned: Owned | undefined
}

type Planned = Pending & { readonly changes: readonly Change[] }

async function planned(context: VaultContext, units: readonly Pending[]): Promise<Planned[]> {
  const view: WriteView = {
    current: async (name) => {
      const object = await objectNamed(context, name)
      if (object === undefined) return undefined
      using opening = await openAt(context, object)
      return opening.opened
    },
    isHere: async (names) => {
      const stored = await objectsCalled(context, names)
      return names.every(({ type, id }) => {
        const object = stored.get(`${type}/${id}`)
        return object !== undefined && !isErased(object) && !isLike(context, object, GONE)
      })
    },
  }
  const found: Planned[] = []
  for (const pending of units) {
    try {
      found.push({ ...pending, changes: await pending.unit.plan(view) })
    } catch (error) {
      pending.reject(error)
    }
  }
  return found
}

/** Holds changes against what is stored. Units whose expectation fails are told so. */
async function compared(context: VaultContext, units: readonly Planned[]): Promise<Draft[]> {
  const { site, tags, clock } = context
  const all = units.flatMap(({ changes }) => changes)
  const identities = await paced(
    clock,
    eachStep(all, (change) => identityOf(tags, site, change)),
  )
  const stored = await objectsByIdentity(context, identities)
  const identityFor = new Map(all.map((change, at) => [change, identities[at]]))
  const drafts: Draft[] = []
  for (const { changes, ...pending } of units) {
    const itemOf = (change: Change): Item => {
      const identity = identityFor.get(change)
      assert(identity !== undefined, 'every change has been looked up')
      return comparedItem(context, { change, identity, before: stored.get(hex(identity)) })
    }
    try {
      drafts.push({ ...pending, items: await paced(clock, eachStep(changes, itemOf)) })
    } catch (error) {
      pending.reject(error)
    }
  }
  return drafts
}

function comparedItem(
  context: VaultContext,
  found: Pick<Item, 'change' | 'identity' | 'before'>,
): Item {
  const { tags, site, acceptOnlySynthetic } = context
  const { change, before } = found
  if (before !== undefined && isErased(before)) throw erased('record')
  if (before === undefined) requireOwnName(change)
  const isThere = before !== undefined && !isLike(context, before, GONE)
  checkExpected(change, before, isThere)
  if (change.kind === 'remove') {
    const deed = isThere ? 'removed' : 'kept'
    return { ...found, text: GONE, deed, owned: undefined }
  }
  const { type, id, value } = change
  const ownership = ownershipOf(value)
  const owned = { type, id, value, ownership, origin: site }
  checkSubjects(ownership)
  if (acceptOnlySynthetic) requireSynthetic(owned)
  const text = canonicalText(value)
  const isSame = isThere && sameOctets(before.likeness, tags.of('likeness', text))
  return { ...found, text, deed: isSame ? 'kept' : isThere ? 'changed' : 'made', owned }
}

const isLike = ({ tags }: VaultContext, object: StoredObject, text: string): boolean =>
  sameOctets(object.likeness, likenessOf(tags, object.id, text))

function checkExpected(
  { expect }: Change,
  before: StoredObject | undefined,
  isThere: boolean,
): void {
  if (expect === undefined) return
  if (expect === 'absent' ? !isThere : before?.newest === expect) return
  throw new VaultRefusal('VAULT_VERSION_OTHER', 'The newest version is not the one expected', {
    facts: { version: before?.newest ?? 0 },
  })
}

/** Drafts with the keys of all holders. */
interface Staged {
  readonly drafts: readonly Draft[]
  readonly holders: Holders
  /** Of what is removed: those that hold it. */
  readonly former: ReadonlyMap<Item, readonly HolderKey[]>
}

/** Finds or makes the holders. Units that the demo profile refuses are told so, the rest stays. */
async function withHolders(
  context: VaultContext,
  drafts: readonly Draft[],
  keys: DisposableStack,
): Promise<Staged> {
  const holders = keys.use(await holdersOf(context, drafts.flatMap(changedOwned)))
  const accepted = context.acceptOnlySynthetic ? knownAmong(drafts, holders) : drafts
  // Holders made for what was refused must not be written.
  if (accepted.length < drafts.length) return await withHolders(context, accepted, keys)
  const former = new Map<Item, readonly HolderKey[]>()
  for (const item of drafts.flatMap(({ items }) => items)) {
    if (item.deed !== 'removed' || item.before === undefined) continue
    const holding = await presentHolders(context, item.before.id, keys)
    const ids = holding.map(({ holder }) => holder.id)
    await requireUnheldBy(context, ids, 'removed from')
    former.set(item, holding)
  }
  return { drafts, holders, former }
}

function knownAmong(drafts: readonly Draft[], holders: Holders): readonly Draft[] {
  const arriving = new Set<HolderKey>()
  return drafts.filter((draft) => {
    try {
      requireKnown(changedOwned(draft), holders, arriving)
      return true
    } catch (error) {
      draft.reject(error)
      return false
    }
  })
}

const changedOwned = ({ items }: Draft): readonly Owned[] =>
  items.flatMap(({ owned, deed }) => (owned === undefined || deed === 'kept' ? [] : [owned]))

async function commit(
  context: VaultContext,
  staged: Staged,
): Promise<readonly { readonly draft: Draft; readonly written: readonly Written[] }[]> {
  const { clock, disk, store, site } = context
  const { drafts, holders } = staged
  const sealed = new Map<Item, Sealed>()
  const items = drafts.flatMap((draft) => draft.items.filter(({ deed }) => deed !== 'kept'))
  const seal = (item: Item) =>
    sealed.set(item, sealVersion(context, unsealed(item), keysOf(staged, item)))
  await paced(clock, eachStep(items, seal))
  const at = clock.now()
  const entries = drafts.flatMap((draft) => entriesOf(context, draft, { staged, sealed }))
  if (sealed.size === 0) {
    if (entries.length > 0) await store.commit(entries)
  } else {
    const actors = new Set(drafts.map(({ unit }) => unit.actor))
    const actor = actors.size === 1 ? drafts[0].unit.actor : site
    const versions = await placeContainers(disk, [...sealed.values()])
    await store.commit([
      ...holders.statements,
      ...(await writeGroup(context, versions, { kind: 'vault.sealed', at, actor })),
      ...(await indexStatements(context, indexedOf(context, staged, sealed), at)),
      ...entries,
    ])
  }
  const done: { draft: Draft; written: readonly Written[] }[] = []
  for (const draft of drafts) {
    const written: Written[] = []
    for (const item of draft.items)
      written.push(await writtenOf(context, item, { staged, sealed, at }))
    done.push({ draft, written })
  }
  return done
}

/** What the index will say of what was sealed. */
const indexedOf = (
  { site }: VaultContext,
  staged: Staged,
  sealed: ReadonlyMap<Item, Sealed>,
): Indexed[] =>
  [...sealed].map(([item, { object, version }]) => ({
    ...{ object: object.id, version, origin: site, type: item.change.type, id: item.change.id },
    value: item.owned?.value,
    isNext: item.before !== undefined,
    keys: keysOf(staged, item),
  }))

const unsealed = ({ change, identity, before, text }: Item) => ({
  ...{ type: change.type, id: change.id, identity, before, text },
})

function keysOf({ holders, former }: Staged, item: Item): readonly HolderKey[] {
  return item.owned === undefined ? (former.get(item) ?? []) : holders.of(item.owned)
}

/**
 * What the log says of a unit: an entry for each patient, or else for whoever holds it; one for
 * nobody where nothing had to be written.
 */
function entriesOf(
  context: VaultContext,
  { unit, items }: Draft,
  { staged, sealed }: { readonly staged: Staged; readonly sealed: ReadonlyMap<Item, Sealed> },
): Statement[] {
  const { actor, act, told } = unit
  const deed = { kind: 'vault.filed', actor, act: act ?? 'many', told } as const
  const changed = items.flatMap((item) => {
    const version = sealed.get(item)?.version
    return version === undefined ? [] : [{ item, name: versionName({ ...item.change, version }) }]
  })
  if (changed.length === 0 && items.length > 0 && act !== undefined) {
    const data = items.map(({ change: { type, id } }) => `${type}/${id}`)
    return trailEntries(context, deed, [{ data }])
  }
  const touched = new Map<HolderKey, { patient: Touched['patient']; data: string[] }>()
  for (const { item, name } of changed) {
    const keys = keysOf(staged, item)
    const patient = item.owned && keys.length === 1 ? patientIn(item.owned.ownership) : undefined
    for (const key of keys) {
      const known = touched.get(key)
      if (known === undefined) touched.set(key, { patient, data: [name] })
      else {
        known.patient ??= patient
        known.data.push(name)
      }
    }
  }
  const all = [...touched].map(([key, rest]) => ({ key, ...rest }))
  const patients = all.filter(({ key }) => key.holder.kind === 'patient')
  return trailEntries(context, deed, patients.length === 0 && act !== undefined ? all : patients)
}

async function writtenOf(
  context: VaultContext,
  item: Item,
  done: {
    readonly staged: Staged
    readonly sealed: ReadonlyMap<Item, Sealed>
    readonly at: EpochMs
  },
): Promise<Written> {
  const { change, before, deed, owned } = item
  const { type, id } = change
  const version = done.sealed.get(item)?.version
  if (version !== undefined) {
    const keys = keysOf(done.staged, item).map(({ holder }) => holder)
    const patients = keys.filter(({ kind }) => kind === 'patient').map((holder) => holder.id)
    return { type, id, deed, version, at: done.at, patients }
  }
  const isTheirs = before !== undefined && owned?.ownership.kind === 'patients'
  const patients = isTheirs ? await holdersOfObject(context, before.id) : []
  return { type, id, deed, version: before?.newest ?? 0, at: undefined, patients }
}
