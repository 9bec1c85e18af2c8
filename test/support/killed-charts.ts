/**
 * A FHIR server that is killed while clients write transactions to it.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { FhirSite } from './fhir-site.ts'
import { until } from './until.ts'

/**
 * Kills the daemon three times under load and starts it again: what was acknowledged is there, and
 * of each transaction all or nothing.
 */
export async function killUnderCharts({ site, base }: FhirSite, ask: typeof fetch): Promise<void> {
  const acknowledged: string[] = []
  const begun: string[] = []
  for (let round = 0; round < 3; round++) {
    await site.daemon.start()
    let isOver = false
    const writer = async (name: string): Promise<void> => {
      for (let number = 0; !isOver; number++) {
        const id = `r${String(round)}-${name}-${String(number)}`
        begun.push(id)
        const headers = { 'content-type': 'application/fhir+json' }
        const body = JSON.stringify(chartOf(id))
        const answer = await ask(base, { method: 'POST', headers, body }).catch(() => undefined)
        if (answer?.status !== 200) return
        await answer.arrayBuffer()
        acknowledged.push(id)
      }
    }
    const writers = Promise.all(['a', 'b', 'c', 'd'].map(writer))
    const enough = acknowledged.length + 20
    await until('some are acknowledged', () => acknowledged.length >= enough)
    await site.daemon.kill('SIGKILL')
    isOver = true
    await writers
  }
  await site.daemon.start()
  const kept = new Set<string>()
  for (const id of begun) {
    const names = [`Patient/${id}`, ...FLAGS.map((flag) => `Flag/${id}-${flag}`)]
    const found = await Promise.all(
      names.map(async (name) => (await ask(`${base}/${name}`)).status),
    )
    assert(new Set(found).size === 1, `half of ${id}: ${found.join(' ')}`)
    if (found[0] === 200) kept.add(id)
  }
  assert.deepEqual(
    acknowledged.filter((id) => !kept.has(id)),
    [],
  )
}

const FLAGS = ['1', '2', '3']

/** A patient with three flags, as a transaction. */
const chartOf = (id: string): object => ({
  ...{ resourceType: 'Bundle', type: 'transaction' },
  entry: [
    { resource: { resourceType: 'Patient', id }, request: { method: 'PUT', url: `Patient/${id}` } },
    ...FLAGS.map((flag) => ({
      resource: {
        ...{ resourceType: 'Flag', id: `${id}-${flag}`, status: 'active', code: { text: 'x' } },
        subject: { reference: `Patient/${id}` },
      },
      request: { method: 'PUT', url: `Flag/${id}-${flag}` },
    })),
  ],
})
