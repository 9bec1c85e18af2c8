/**
 * What runs at this site, with whom it is connected, and what of it is simulated.
 *
 * @module
 */

import { Code, List, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { StatusView } from '#contract'
import { ask } from '../api.ts'
import { grouped, timeOf } from '../format.ts'
import { Answer } from '../parts/answer.tsx'
import { Facts } from '../parts/facts.tsx'
import { Command, Page } from '../parts/page.tsx'
import { Settings } from '../parts/settings.tsx'
import { TrustTable } from '../parts/trust-table.tsx'
import { Figure, Wide } from '../parts/wide.tsx'
import { useStatus } from '../shell.tsx'
import { filled, texts } from '../texts.ts'
import { siteTexts } from '../texts-site.ts'
import { useSeal } from './sealed.tsx'

const words = siteTexts.site

export function Site(): ReactNode {
  const status = useStatus()
  return (
    <Page title={words.title} below={words.below} command="photonward status">
      <Answer to={status}>
        {(view) => (
          <>
            <Part title={words.runs}>
              <Facts of={factsOf(view)} />
            </Part>
            <Simulated view={view} />
            <Peers view={view} />
          </>
        )}
      </Answer>
      <RootKey />
      <Administration />
      <Part title={words.backup}>
        <Text>✓ {words.backupHave}</Text>
        <Text>✗ {words.backupNot}</Text>
        <Text>○ {words.backupMissing}</Text>
      </Part>
      <Part title={words.commands}>
        <Text c="dimmed">{words.commandsHow}</Text>
        <Stack gap={4} mt="xs">
          <Command line="photonward config show" />
          <Command line="photonward doctor" />
          <Command line="photonward pki list <authority>" />
          <Command line="photonward pki revoke <authority> <serial>" />
        </Stack>
      </Part>
    </Page>
  )
}

/** How the root key lies, and what opens it. */
function RootKey() {
  return (
    <Answer to={useSeal()}>
      {({ form, shares, threshold }) => (
        <Part title={texts.seal.heading}>
          <Text>{filled(texts.seal.form[form], { shares, threshold })}</Text>
          <Text c="dimmed">{texts.seal.protect}</Text>
          <Stack gap={4} mt="xs">
            <Command line="photonward root-key status" />
            <Command line="photonward seal" />
            <Command line="photonward unseal" />
          </Stack>
        </Part>
      )}
    </Answer>
  )
}

/** Until when the trust of the site lasts, and how it is configured. */
function Administration() {
  const answer = useQuery({
    queryKey: ['administration'],
    queryFn: () => ask('administration', {}, null),
    refetchInterval: 30_000,
  })
  return (
    <Answer to={answer}>
      {({ fingerprint, trust, settings }) => (
        <>
          <Part title={words.trust}>
            <Text c="dimmed">{words.trustHow}</Text>
            <TrustTable trust={trust} />
            <Text>{words.fingerprint}</Text>
            <Code className="value">{fingerprint.match(/.{4}/g)?.join(' ')}</Code>
          </Part>
          {settings !== null && (
            <Part title={words.settings}>
              <Settings settings={settings} />
            </Part>
          )}
        </>
      )}
    </Answer>
  )
}

const Part = ({ title, children }: { readonly title: string; readonly children: ReactNode }) => (
  <section>
    <Title order={2} size="h4">
      {title}
    </Title>
    {children}
  </section>
)

function factsOf(view: StatusView): readonly (readonly [string, string])[] {
  return [
    [words.version, view.version],
    [words.profile, view.profile],
    [words.role, view.role],
    [words.engine, view.engine],
    [words.folder, view.folder],
    [words.started, timeOf(view.startedAt)],
    [words.records, `${grouped(view.patients)}, ${grouped(view.items)}`],
    ...view.listeners.map(({ name, address }): [string, string] => [
      `${words.listener} ${name}`,
      address,
    ]),
    ...view.daemons.map(({ name, leads, serving }): [string, string] => [
      `${words.daemon} ${name}`,
      [leads ? words.leads : '', serving ? words.serves : words.silent].join(' '),
    ]),
  ]
}

function Simulated({ view }: { readonly view: StatusView }) {
  const links = view.links.filter(({ simulated }) => simulated).map(({ link }) => link)
  const isDemo = view.profile === 'demo'
  return (
    <Part title={words.simulated}>
      <List>
        {links.length > 0 && (
          <List.Item>{filled(words.simulatedLinks, { links: links.join(', ') })}</List.Item>
        )}
        {isDemo && <List.Item>{words.simulatedPatients}</List.Item>}
        {links.length === 0 && !isDemo && <List.Item>{words.simulatedNothing}</List.Item>}
        <List.Item>{words.real}</List.Item>
      </List>
    </Part>
  )
}

function Peers({ view }: { readonly view: StatusView }) {
  const cosigned = new Map(view.witnesses.map(({ site, size }) => [site, size]))
  return (
    <Part title={words.peers}>
      {view.peers.length === 0 ? (
        <Text c="dimmed">{words.peersNone}</Text>
      ) : (
        <Wide least={480}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.site}</Table.Th>
              <Table.Th>{words.connection}</Table.Th>
              <Table.Th ta="right">{words.witness}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {view.peers.map(({ site, connected }) => (
              <Table.Tr key={site}>
                <Table.Td>{site}</Table.Td>
                <Table.Td>{connected ? words.connected : words.away}</Table.Td>
                <Figure>{grouped(cosigned.get(site) ?? 0)}</Figure>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Wide>
      )}
    </Part>
  )
}
