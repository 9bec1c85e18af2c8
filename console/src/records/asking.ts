/**
 * A chart as it is asked for: page by page, under the purpose that the session has.
 *
 * @module
 */

import { useQuery } from '@tanstack/react-query'
import { askFhir } from '../api.ts'
import { chartOf, type Chart } from './chart-model.ts'
import { nextPageIn, resourcesIn, type Resource } from './fhir.ts'

export interface AskedChart extends Chart {
  /** Whether the record is longer than what was asked for. */
  readonly isCut: boolean
}

/** @param purpose   left out, what the work of the first role is for */
export const useChart = (id: string, purpose: string | undefined) =>
  useQuery({
    queryKey: ['chart', id, purpose],
    queryFn: () => everythingOf(id, purpose),
    // A record that is read is an access, and logged: nothing is asked again by itself.
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })

async function everythingOf(id: string, purpose: string | undefined): Promise<AskedChart> {
  const resources: Resource[] = []
  let page: string | undefined
  do {
    const asked = new URLSearchParams({ _count: String(PAGE), ...(page && { _page: page }) })
    const url = `Patient/${id}/$everything?${asked.toString()}`
    const bundle = await askFhir({ method: 'GET', url }, purpose)
    resources.push(...resourcesIn(bundle))
    page = nextPageIn(bundle)
  } while (page !== undefined && resources.length < CHART_MAX)
  return { ...chartOf(resources, `Patient/${id}`), isCut: page !== undefined }
}

const PAGE = 1000
/** Entries that one screen shows: more is read by ranges, or by FHIR. */
export const CHART_MAX = 5000
