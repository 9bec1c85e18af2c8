/**
 * Names of records for addresses: an address is kept by the browser and seen by whoever looks over a
 * shoulder.
 *
 * A UUID says nothing of anybody and stands in an address as it is. Any other id may be a hospital
 * number: it is replaced by a name that this page alone knows, and forgets when it is reloaded.
 *
 * @module
 */

const handles = new Map<string, string>()
const ids = new Map<string, string>()

/** What stands in the address for a patient. */
export function handleFor(id: string): string {
  if (UUID.test(id)) return id
  const handle = handles.get(id) ?? `t-${crypto.randomUUID()}`
  handles.set(id, handle)
  ids.set(handle, id)
  return handle
}

/** The patient that an address means; undefined if this page has not named one so. */
export const idOf = (handle: string): string | undefined =>
  UUID.test(handle) ? handle : ids.get(handle)

/** Forgets all names: whoever logs in next has not seen these records. */
export function forgetHandles(): void {
  handles.clear()
  ids.clear()
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
