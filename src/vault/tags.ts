/**
 * Keyed tags: how the vault finds what it cannot read.
 *
 * A tag is HMAC-SHA-256 under a key of its own for each field, truncated. Equal values have equal
 * tags, which is all that the database reveals: how often a value occurs, to whoever sees the rows,
 * and which rows a query touched, to whoever watches.
 *
 * | field      | value                                  | octets | reveals                          |
 * | identity   | site ‖ type/id of a resource           | 16     | nothing: values occur once       |
 * | likeness   | text of the newest version             | 16     | that nothing changed             |
 * | reference  | site ‖ reference by which it is named  | 16     | nothing beyond the holdings      |
 * | identifier | system ‖ value, and value alone        | 8      | two holders with one identifier  |
 * | person     | NHS number ‖ date of birth             | 16     | two holders who are one person   |
 *
 * The fields of `vault_mark` are in `marks.ts`.
 *
 * Eight octets are for lookups that decrypt and compare afterwards; sixteen stand by themselves.
 *
 * @module
 */

import { lengthPrefixed, SecretBytes, utf8, type SiteId } from '#base'
import { hkdfExpand, hmac } from '#crypto'

/** Fields of `vault_lookup`, by which a holder is found. The number stands in the row. */
export const LOOKUP_FIELDS = { reference: 1, identifier: 2, value: 3, person: 4 } as const
export type LookupField = keyof typeof LOOKUP_FIELDS

/** Fields of `vault_mark`, by which objects are found: see `marks`. */
export const MARKED = [
  'mark-identifier',
  'mark-value',
  'mark-name',
  'mark-name-start',
  'mark-birth',
  'mark-birth-year',
  'mark-refers',
  'mark-stray',
  'mark-foreign',
  'mark-linked',
] as const
export type MarkField = (typeof MARKED)[number]

type Field = LookupField | MarkField | 'identity' | 'likeness'

/** The keys of all fields. Owns them. */
export class Tags implements Disposable {
  readonly #keys: Readonly<Record<Field, SecretBytes>>
  /** Identity tags made lately, by what they are of: what is read is read again. */
  readonly #identities = new Map<string, Uint8Array>()

  /** @param indexKey 32 octets; stays with its owner */
  constructor(indexKey: SecretBytes) {
    const keyOf = (field: Field): SecretBytes => {
      const info = lengthPrefixed(TAG_KEY, utf8(field))
      return SecretBytes.take(hkdfExpand('sha512', { key: indexKey.reveal(), info, length: 32 }))
    }
    const fields = [...Object.keys(LOOKUP_FIELDS), ...MARKED, 'identity', 'likeness'] as Field[]
    const keys = fields.map((field) => [field, keyOf(field)] as const)
    this.#keys = Object.fromEntries(keys) as Record<Field, SecretBytes>
  }

  /** The tag of these texts, kept apart by their lengths. */
  of(field: Field, ...texts: readonly string[]): Uint8Array {
    const octets = LONG.includes(field) ? LONG_OCTETS : SHORT_OCTETS
    const input = lengthPrefixed(...texts.map(utf8))
    return hmac('sha256', this.#keys[field].reveal(), input).slice(0, octets)
  }

  /** The tag of a resource, by its type and logical id at the site that sealed it. */
  identity(origin: SiteId, { type, id }: { readonly type: string; readonly id: string }) {
    const name = `${origin}/${type.length}/${type}/${id}`
    const known = this.#identities.get(name)
    if (known !== undefined) return known
    const tag = this.of('identity', origin, type, id)
    if (this.#identities.size >= IDENTITIES_MAX) this.#identities.clear()
    this.#identities.set(name, tag)
    return tag
  }

  [Symbol.dispose](): void {
    for (const key of Object.values(this.#keys)) key[Symbol.dispose]()
    this.#identities.clear()
  }
}

/** The tag by which a resource is found again: its type and logical id, at the site that sealed it. */
export const identityOf = (
  tags: Tags,
  origin: SiteId,
  resource: { readonly type: string; readonly id: string },
): Uint8Array => tags.identity(origin, resource)

const TAG_KEY = utf8('photonward/tag-key@v1')
/** Fields that stand by themselves. */
const LONG: readonly Field[] = ['identity', 'likeness', 'reference', 'person', 'mark-foreign']
const SHORT_OCTETS = 8
const LONG_OCTETS = 16
/** Identity tags that are kept at hand. */
const IDENTITIES_MAX = 4096
