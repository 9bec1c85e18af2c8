/**
 * The one way in for resources of this site: units of changes become sealed, signed, logged
 * versions, each unit all or nothing.
 *
 * Units that come while a commit is under way are gathered: they share the next group and so its
 * two signatures, which cost more than everything else of a small write. A unit that is refused
 * falls out of its group and leaves the others alone. A resource stands in a group once; who
 * changes it again, and whoever does not say beforehand what he will look at, waits for the next.
 *
 * @module
 */

import type { WriteUnit, Written } from './changes.ts'
import { commitUnits, type Pending } from './committing.ts'
import type { VaultContext } from './context.ts'

/** The queue of units. `exclusively` keeps other writes of the vault away meanwhile. */
export class Writer {
  readonly #context: VaultContext
  readonly #exclusively: <T>(task: () => Promise<T>) => Promise<T>
  #waiting: Waiting[] = []
  #running = false

  constructor(context: VaultContext, exclusively: <T>(task: () => Promise<T>) => Promise<T>) {
    this.#context = context
    this.#exclusively = exclusively
  }

  /** Durable when it resolves, in the order of the changes. @throws VaultRefusal, PortRefusal */
  write(unit: WriteUnit): Promise<readonly Written[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Written[]>()
    const names = unit.names?.map(({ type, id }) => `${type}/${id}`)
    this.#waiting.push({ unit, names, resolve, reject })
    void this.#run()
    return promise
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    while (this.#waiting.length > 0) {
      await this.#exclusively(async () => {
        const { taken, left } = gather(this.#waiting)
        this.#waiting = left
        await commitUnits(this.#context, taken)
      })
    }
    this.#running = false
  }
}

interface Waiting extends Pending {
  readonly names: readonly string[] | undefined
}

/** What goes into the next group: in order, but never two that may touch one resource. */
function gather(waiting: readonly Waiting[]): { taken: Waiting[]; left: Waiting[] } {
  const [first, ...others] = waiting
  const taken = [first]
  if (first.names === undefined) return { taken, left: others }
  const touched = new Set(first.names)
  const left: Waiting[] = []
  let isOpen = true
  for (const next of others) {
    const { names } = next
    // Whoever looks at anything must not be overtaken by what comes after.
    if (names === undefined) isOpen = false
    const fits = touched.size + (names?.length ?? 0) <= GATHERED_MAX
    const isFree = isOpen && fits && names?.every((name) => !touched.has(name)) === true
    for (const name of names ?? []) touched.add(name)
    if (isFree) taken.push(next)
    else left.push(next)
  }
  return { taken, left }
}

/** Changes that are gathered into one group. */
const GATHERED_MAX = 500
