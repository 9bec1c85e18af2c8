/**
 * Changes of roles and clearances, as they are asked for and as people read them.
 *
 * @module
 */

export interface RoleDifference {
  readonly add: readonly string[]
  readonly remove: readonly string[]
  readonly clear: readonly string[]
  readonly unclear: readonly string[]
}

interface Standing {
  readonly roles: readonly string[]
  readonly clearances: readonly string[]
}

/** What leads from one standing to another; each list in the order of its words. */
export function roleChange(from: Standing, to: Standing): RoleDifference {
  const lacking = (some: readonly string[], among: readonly string[]): readonly string[] =>
    some.filter((one) => !among.includes(one)).toSorted()
  return {
    add: lacking(to.roles, from.roles),
    remove: lacking(from.roles, to.roles),
    clear: lacking(to.clearances, from.clearances),
    unclear: lacking(from.clearances, to.clearances),
  }
}

/** The change as words with a sign each: `+ nurse`, `− clearance R`. */
export const differenceOf = ({
  add,
  remove,
  clear,
  unclear,
}: RoleDifference): readonly string[] => [
  ...add.map((role) => `+ ${role}`),
  ...remove.map((role) => `− ${role}`),
  ...clear.map((label) => `+ clearance ${label}`),
  ...unclear.map((label) => `− clearance ${label}`),
]
