/**
 * Records on their way between sites.
 *
 * @module
 */

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ask } from '../api.ts'
import { Answer } from '../parts/answer.tsx'
import { Empty, Page } from '../parts/page.tsx'
import { TransferTable } from '../parts/transfer-table.tsx'
import { texts } from '../texts.ts'

const words = texts.transfers

export function Transfers(): ReactNode {
  const transfers = useQuery({
    queryKey: ['transfers'],
    queryFn: () => ask('transfers', {}, null),
    refetchInterval: 1000,
  })
  return (
    <Page title={words.title} below={words.below} command="photonward transfer list">
      <Answer to={transfers}>
        {(all) =>
          all.length === 0 ? (
            <Empty
              text={words.none}
              how={words.noneHow}
              command="photonward record send <patient> --to <site>"
            />
          ) : (
            <TransferTable transfers={all} />
          )
        }
      </Answer>
    </Page>
  )
}
