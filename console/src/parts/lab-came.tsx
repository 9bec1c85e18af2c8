/**
 * What came of an attack: blocks refused, the alarm, keys that go round, and the entries of the log.
 *
 * @module
 */

import { Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { FibreView, LinkView } from '#contract'
import { ask } from '../api.ts'
import { timeOf } from '../format.ts'
import { crosses } from '../lab-model.ts'
import { linkTexts } from '../texts-links.ts'
import { filled } from '../texts.ts'
import { AnchorLink } from './anchor-link.tsx'
import { useNetwork } from './use-network.ts'

const words = linkTexts.lab

export function Came(about: { readonly fibre: FibreView; readonly view: LinkView }) {
  const { fibre, view } = about
  return (
    <section>
      <Title order={2} size="h4">
        {words.came}
      </Title>
      {fibre.attack.kind === 'none' ? (
        <Text c="dimmed">{words.cameNothing}</Text>
      ) : (
        <Stack gap="xs" component="ol" pl="lg" m={0}>
          <Refused link={view.link} since={fibre.since} />
          <Step isSo={view.state === 'suspended'}>
            {view.state === 'suspended'
              ? filled(words.waits, { reason: view.reason })
              : filled(words.serves, { state: view.state })}
          </Step>
          <Round view={view} />
          <Logged link={view.link} since={fibre.since} />
        </Stack>
      )}
    </section>
  )
}

/** A step that has been taken, or not yet. */
const Step = ({ isSo, children }: { readonly isSo: boolean; readonly children: ReactNode }) => (
  <li>
    <Text span>
      {isSo ? '●' : '○'} {children}
    </Text>
  </li>
)

interface Since {
  readonly link: string
  readonly since: number
}

/** Blocks that were refused since Eve began. */
function Refused({ link, since }: Since) {
  const history = useQuery({
    queryKey: ['lab', 'history', link, since],
    queryFn: () => ask('linkHistory', { link, since: String(since), limit: '1000' }, null),
    refetchInterval: 2000,
  })
  const blocks = (history.data?.entries ?? []).flatMap((one) => (one.kind === 'block' ? [one] : []))
  const refused = blocks.filter(({ outcome }) => outcome === 'discarded')
  const last = refused.at(-1)
  return (
    <Step isSo={last !== undefined}>
      {last === undefined
        ? filled(words.refusedNone, { count: blocks.length })
        : filled(words.refused, {
            count: refused.length,
            of: blocks.length,
            cause: last.cause,
          })}{' '}
      {last !== undefined && (
        <AnchorLink
          to="/links/$link"
          params={{ link }}
          search={{ block: `${String(last.epoch)}/${String(last.sequence)}` }}
          underline="always"
        >
          {words.block}
        </AnchorLink>
      )}
    </Step>
  )
}

/** By where keys for sites further away go now. */
function Round({ view }: { readonly view: LinkView }) {
  const network = useNetwork()
  const pairs = network.data?.pairs ?? []
  const site = network.data?.site ?? ''
  if (pairs.length === 0) return <Step isSo={false}>{words.roundNone}</Step>
  return pairs.map(({ peer, ways }) => {
    const isRound = ways.length > 0 && !ways.some((way) => crosses(way, [site, view.peer]))
    const told = ways.map((way) => way.join(' → ')).join('; ')
    return (
      <Step key={peer} isSo={isRound}>
        {filled(isRound ? words.round : words.roundNot, { peer, ways: told === '' ? '–' : told })}
      </Step>
    )
  })
}

/** Alarms as they stand in the log, each with its proof. */
function Logged({ link, since }: Since) {
  const entries = useQuery({
    queryKey: ['lab', 'entries', link, since],
    queryFn: () => ask('entries', { kind: 'alarm.raised', limit: '50' }, null),
    refetchInterval: 2000,
  })
  const found = (entries.data ?? []).filter(
    ({ at, facts }) => at >= since && facts['subject'] === link,
  )
  return (
    <Step isSo={found.length > 0}>
      {found.length === 0 ? words.loggedNone : words.logged}{' '}
      {found.map(({ index, at, facts }) => (
        <AnchorLink
          key={index}
          to="/audit/$index"
          params={{ index: String(index) }}
          mr="xs"
          underline="always"
        >
          {typeof facts['alarm'] === 'string' ? facts['alarm'] : index}, {timeOf(at)}
        </AnchorLink>
      ))}
    </Step>
  )
}
