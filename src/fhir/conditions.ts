/**
 * Conditions: which resource a search means, where a change says it by a search.
 *
 * Goes through the vault's search, so that only what the session may see counts: a condition must
 * not tell what a read would not. Called inside the vault's turn, nothing can come between what is
 * found and what is written.
 *
 * @see FHIR R4 §3.1.0.4.3, §3.1.0.5.2, §3.1.0.7.1
 * @module
 */

import { parseSearch, refusal, type SearchQuery } from '#health'
import { sealedBy, type Judge, type ResourceName } from '#vault'
import type { Call, Teller } from './context.ts'
import { FhirRefusal } from './refusal.ts'
import { askedForSearch } from './showing.ts'

/**
 * The one resource that a condition selects, or undefined if it selects none.
 *
 * What another site sealed cannot be changed, and must not stand in the way of what can: it is
 * selected by references alone, and only where nothing of this site's own is.
 *
 * @param criteria   the part after the question mark
 * @param isReference   whether something is to refer to it
 * @param without    resources that count as gone already: `Type/id`
 * @throws FhirRefusal `FHIR_SEVERAL_MATCH`; HealthRefusal `HEALTH_SEARCH_…`
 */
export async function selected(
  call: Pick<Call, 'options' | 'base'> & Teller,
  {
    type,
    criteria,
    isReference = false,
  }: { readonly type: string; readonly criteria: string; readonly isReference?: boolean },
  without: ReadonlySet<string> = new Set(),
): Promise<ResourceName | undefined> {
  const { vault, clock } = call.options
  const parameters = [...new URLSearchParams(criteria)].filter(([name]) => !FORMAT.includes(name))
  const query = parseSearch({ type, parameters, now: clock.now(), bases: [call.base] })
  checkSelective(query)
  const asked = await askedForSearch(call, query, 'match', `${type}?${criteria}`)
  const find = async (judge: Judge): Promise<readonly ResourceName[]> => {
    const count = SEVERAL + without.size
    const { matches } = await vault.search({ ...query, count }, { ...asked, judge })
    return matches.filter((match) => !without.has(`${match.type}/${match.id}`))
  }
  const own = await find((one) => sealedBy(one.value) === undefined && asked.judge(one))
  const found = own.length === 0 && isReference ? await find(asked.judge) : own
  if (found.length < SEVERAL) return found.at(0)
  throw new FhirRefusal('FHIR_SEVERAL_MATCH', 'The condition selects several resources')
}

/** A condition that says nothing would select anything. */
function checkSelective({ filters, includes, revIncludes, page }: SearchQuery): void {
  if (filters.length > 0 && includes.length + revIncludes.length === 0 && page === undefined) return
  const reason = 'expected a search by at least one parameter, without includes and pages'
  throw refusal('HEALTH_SEARCH_VALUE', { kind: 'value', place: '', reason })
}

const SEVERAL = 2
const FORMAT: readonly string[] = ['_format', '_pretty']
