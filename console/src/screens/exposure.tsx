/**
 * From sites or a link under suspicion to everything that their keys have touched.
 *
 * @module
 */

import {
  Checkbox,
  MultiSelect,
  NativeSelect,
  Paper,
  SimpleGrid,
  Stack,
  Text,
  Title,
} from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { NetworkView, StatusView } from '#contract'
import { ask } from '../api.ts'
import { useQuestion } from '../parts/address.ts'
import { Answer } from '../parts/answer.tsx'
import { Exposed } from '../parts/exposed.tsx'
import { Command, Empty, Page } from '../parts/page.tsx'
import { TransferTable } from '../parts/transfer-table.tsx'
import { useStatus } from '../shell.tsx'
import { filled, texts } from '../texts.ts'
import { useNetwork } from '../parts/use-network.ts'

const words = texts.exposure

export function Exposure(): ReactNode {
  const { nodes: asked, link } = useQuestion()
  const nodes = typeof asked === 'string' ? asked.split(',') : []
  const status = useStatus()
  const network = useNetwork()
  return (
    <Page title={words.title} below={words.below} command="photonward network show">
      <Answer to={status}>
        {(site) => (
          <Answer to={network}>
            {(view) => (
              <>
                <Question site={site} network={view} nodes={nodes} />
                {view.declared.length > 0 && (
                  <Text>
                    {words.stands}: {view.declared.map(({ node }) => node).join(', ')}
                  </Text>
                )}
              </>
            )}
          </Answer>
        )}
      </Answer>
      {nodes.length > 0 ? (
        <OfNodes nodes={nodes} />
      ) : typeof link === 'string' ? (
        <OfLink link={link} />
      ) : (
        <Empty text={words.choose} how={words.chooseHow} />
      )}
      <Repair />
    </Page>
  )
}

function Question(about: {
  readonly site: StatusView
  readonly network: NetworkView
  readonly nodes: readonly string[]
}) {
  const { site, network, nodes } = about
  const { wrap, link } = useQuestion()
  const navigate = useNavigate()
  const others = new Set([
    ...network.nodes.map((node) => node.site),
    ...site.peers.map((peer) => peer.site),
  ])
  others.delete(site.site)
  const links = new Set([
    ...site.links.map((one) => one.link),
    ...network.links.map((one) => one.link),
  ])
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Stack gap="xs">
        <MultiSelect
          label={words.nodes}
          data={[...others].toSorted()}
          value={nodes.filter((node) => others.has(node))}
          onChange={(chosen) =>
            void navigate({
              to: '/exposure',
              search: chosen.length === 0 ? {} : { nodes: chosen.join(','), ...wrapIn(wrap) },
            })
          }
        />
        <Checkbox
          label={words.wrap}
          checked={wrap === 'broken'}
          disabled={nodes.length === 0}
          onChange={({ currentTarget }) =>
            void navigate({
              to: '/exposure',
              search: { nodes: nodes.join(','), ...wrapIn(currentTarget.checked ? 'broken' : '') },
            })
          }
        />
      </Stack>
      <NativeSelect
        label={words.link}
        value={typeof link === 'string' ? link : ''}
        data={[{ value: '', label: words.anyLink }, ...[...links].toSorted()]}
        onChange={({ currentTarget }) =>
          void navigate({
            to: '/exposure',
            search: currentTarget.value === '' ? {} : { link: currentTarget.value },
          })
        }
      />
    </SimpleGrid>
  )
}

const wrapIn = (wrap: unknown): { wrap?: 'broken' } => (wrap === 'broken' ? { wrap } : {})

/** What certain sites know between them; a trial, which declares nothing. */
function OfNodes({ nodes }: { readonly nodes: readonly string[] }) {
  const breaksWrap = useQuestion()['wrap'] === 'broken'
  const exposure = useQuery({
    queryKey: ['exposure', nodes, breaksWrap],
    queryFn: () => ask('compromise', {}, { nodes: [...nodes], breaksWrap, dryRun: true }, true),
  })
  return (
    <>
      <Paper withBorder p="sm" className="notice">
        <Text>{words.trial}</Text>
        <Command
          line={`photonward network compromise ${nodes.join(' ')}${breaksWrap ? ' --breaks-wrap' : ''}`}
        />
      </Paper>
      <Answer to={exposure}>{(view) => <Exposed view={view} />}</Answer>
    </>
  )
}

/** Transfers under keys of a link. */
function OfLink({ link }: { readonly link: string }) {
  const transfers = useQuery({
    queryKey: ['transfers', 'all'],
    queryFn: () => ask('transfers', { limit: '1000' }, null, true),
  })
  return (
    <section>
      <Title order={2} size="h4">
        {filled(words.overLink, { link })}
      </Title>
      <Answer to={transfers}>
        {(all) => {
          const own = all.filter(({ protection }) =>
            protection?.keys.some(({ links }) => links.includes(link)),
          )
          return own.length === 0 ? (
            <Text c="dimmed">{words.overLinkNone}</Text>
          ) : (
            <TransferTable transfers={own} />
          )
        }}
      </Answer>
    </section>
  )
}

function Repair() {
  return (
    <section>
      <Title order={2} size="h4">
        {words.repair}
      </Title>
      <Text>✓ {words.can}</Text>
      <Text>✗ {words.cannot}</Text>
    </section>
  )
}
