/**
 * One key: how it came, who has had it in clear, and which transfers it protected.
 *
 * @module
 */

import { Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { KeyOriginView } from '#contract'
import { ask } from '../api.ts'
import { timeOf, tiny } from '../format.ts'
import { useParameter } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Page } from '../parts/page.tsx'
import { TransferTable } from '../parts/transfer-table.tsx'
import { filled, texts } from '../texts.ts'
import { linkTexts } from '../texts-links.ts'

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
        <Answer to={origin}>{(view) => <Facts of={factsOf(view)} />}</Answer>
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

function factsOf(view: KeyOriginView): readonly (readonly [string, string])[] {
  const { keyId, at, source, epsilon, seenBy, parts, exposure } = view
  return [
    [words.findLabel, keyId],
    [words.at, timeOf(at)],
    [words.source, source],
    ['ε', tiny(epsilon)],
    [words.seenBy, seenBy.join(', ')],
    [words.exposure, texts.exposure.amount[exposure]],
    ...parts.map((part, place): readonly [string, string] => [
      filled(words.part, { part: place + 1, of: parts.length, octets: part.octets }),
      waysOf(part),
    ]),
  ]
}

/** Where octets came along, and who between had them in clear. */
function waysOf({ link, from, to, shares, coalition }: KeyOriginView['parts'][number]): string {
  if (shares.length === 0) return `${link}: ${from} → ${to}, ${linkTexts.way.direct}`
  const ways = shares.map(({ way }, share) => {
    return `${filled(linkTexts.way.share, { share: share + 1, of: shares.length })}: ${way.join(' → ')}`
  })
  return [...ways, filled(words.together, { nodes: coalition.join(', ') })].join('; ')
}
