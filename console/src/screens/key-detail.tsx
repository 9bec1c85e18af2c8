/**
 * One key: how it came, who has had it in clear, and which transfers it protected.
 *
 * @module
 */

import { Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ask } from '../api.ts'
import { useParameter } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Page } from '../parts/page.tsx'
import { TransferTable } from '../parts/transfer-table.tsx'
import { texts } from '../texts.ts'

const words = texts.keys

export function KeyDetail(): ReactNode {
  const key = useParameter('key')
  const origin = useQuery({
    queryKey: ['key', key],
    queryFn: () => ask('keyOrigin', { key }, null, true),
  })
  const transfers = useQuery({
    queryKey: ['transfers'],
    queryFn: () => ask('transfers', {}, null),
  })
  return (
    <Page title={key} command={`photonward key show ${key}`}>
      <section>
        <Title order={2} size="h4">
          {words.origin}
        </Title>
        <Answer to={origin}>
          {(view) => (
            <Facts of={Object.entries(view).map(([name, value]) => [name, told(value)])} />
          )}
        </Answer>
      </section>
      <section>
        <Title order={2} size="h4">
          {words.protected}
        </Title>
        <Answer to={transfers}>
          {(all) => {
            const own = all.filter(({ protection }) => protection?.keyIds.includes(key) ?? false)
            return own.length === 0 ? (
              <Text c="dimmed">{words.protectedNone}</Text>
            ) : (
              <TransferTable transfers={own} />
            )
          }}
        </Answer>
      </section>
    </Page>
  )
}

function told(value: unknown): string {
  if (value === null || value === '') return '–'
  if (Array.isArray(value)) return value.map(told).join('; ') || '–'
  if (typeof value !== 'object') return JSON.stringify(value).replaceAll(/^"|"$/g, '')
  return Object.entries(value)
    .map(([name, inner]: [string, unknown]) => `${name} ${told(inner)}`)
    .join(', ')
}
