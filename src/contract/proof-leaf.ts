/**
 * Reads one entry of a log from its octets: a small reader of deterministic CBOR.
 *
 * Takes what an entry may be made of and nothing else: whole numbers, floating-point numbers,
 * texts, octets, lists, maps with texts as names, true, false and null; no tags, nothing of
 * indefinite length, nothing left over. Stands alone, like `proof-tree`.
 *
 * @see RFC 8949
 * @module
 */

/** An entry as it stands in the log. */
export interface ProofEntry {
  readonly kind: string
  /** Milliseconds since 1970, by the clock of the site. */
  readonly at: number
  readonly actor: string
  readonly facts: Readonly<Record<string, unknown>>
  /** 32 octets that bind what is stored elsewhere. */
  readonly commitment: Uint8Array | undefined
}

/** The entry of a leaf; undefined for octets that are none. */
export function readEntry(leaf: Uint8Array): ProofEntry | undefined {
  try {
    const reader = { octets: leaf, at: 0 }
    const value = readItem(reader, 0)
    if (reader.at !== leaf.length || !(value instanceof Map) || value.get('v') !== 1)
      return undefined
    const [kind, at, actor] = [value.get('kind'), value.get('at'), value.get('actor')]
    const [facts, commitment] = [value.get('facts'), value.get('commitment')]
    if (typeof kind !== 'string' || typeof at !== 'number' || typeof actor !== 'string') {
      return undefined
    }
    if (!(facts instanceof Map)) return undefined
    if (commitment !== undefined && !(commitment instanceof Uint8Array)) return undefined
    return { kind, at, actor, facts: Object.fromEntries(facts), commitment }
  } catch {
    return undefined
  }
}

interface Reader {
  readonly octets: Uint8Array
  at: number
}

type Item = string | number | boolean | null | Uint8Array | readonly Item[] | Map<string, Item>

function readItem(reader: Reader, depth: number): Item {
  const [head] = take(reader, 1)
  const [major, info] = [head >> 5, head & 0x1f]
  if (major === 7) return readSimple(reader, info)
  const count = readCount(reader, info)
  if (depth > DEPTH_MAX) throw new RangeError('nested too deep')
  if (major === 0) return count
  if (major === 1) return -1 - count
  if (major === 2) return take(reader, count)
  if (major === 3) return new TextDecoder('utf-8', { fatal: true }).decode(take(reader, count))
  if (count > ITEMS_MAX || major > 5) throw new RangeError('not in an entry')
  if (major === 4) return Array.from({ length: count }, () => readItem(reader, depth + 1))
  const members = new Map<string, Item>()
  for (let member = 0; member < count; member++) {
    const name = readItem(reader, depth + 1)
    if (typeof name !== 'string' || members.has(name)) throw new RangeError('not a name')
    members.set(name, readItem(reader, depth + 1))
  }
  return members
}

function readSimple(reader: Reader, info: number): Item {
  if (info === 20 || info === 21) return info === 21
  if (info === 22) return null
  const octets = FLOATS[info]
  if (octets === undefined) throw new RangeError('not in an entry')
  const taken = take(reader, octets)
  const view = new DataView(taken.buffer, taken.byteOffset, octets)
  return octets === 2 ? view.getFloat16(0) : octets === 4 ? view.getFloat32(0) : view.getFloat64(0)
}

function readCount(reader: Reader, info: number): number {
  if (info < 24) return info
  if (info > 27) throw new RangeError('of indefinite length')
  const octets = take(reader, 1 << (info - 24))
  const count = octets.reduce((value, octet) => value * 256 + octet, 0)
  if (!Number.isSafeInteger(count)) throw new RangeError('too large')
  return count
}

function take(reader: Reader, count: number): Uint8Array {
  const end = reader.at + count
  if (end > reader.octets.length) throw new RangeError('cut short')
  const taken = reader.octets.subarray(reader.at, end)
  reader.at = end
  return taken
}

const FLOATS: Readonly<Partial<Record<number, 2 | 4 | 8>>> = { 25: 2, 26: 4, 27: 8 }
const DEPTH_MAX = 4
const ITEMS_MAX = 256
