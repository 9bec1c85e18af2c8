/**
 * One entry of a chart: in words, as FHIR, its versions, and what protects it.
 *
 * Whatever a record holds is shown as text. A narrative is markup by somebody else: its text is shown
 * and its markup dropped, by a parser that runs nothing and fetches nothing.
 *
 * @module
 */

import {
  Badge,
  CloseButton,
  Code,
  Drawer,
  Group,
  Stack,
  Table,
  Tabs,
  Text,
  Title,
} from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { askFhir } from '../api.ts'
import { scaled, timeOf } from '../format.ts'
import { Answer } from '../parts/answer.tsx'
import { recordTexts } from '../texts-records.ts'
import { filled } from '../texts.ts'
import { peopleIn, type Chart, type ChartEntry } from './chart-model.ts'
import { SentOne, sentIn, useSent } from './sent.tsx'
import { attachedTo, described, type Attached } from './described.ts'
import { fieldsOf, resourcesIn, textIn, type Resource } from './fhir.ts'

const words = recordTexts.detail

export function EntryDrawer(about: {
  readonly entry: ChartEntry
  readonly names: Chart['names']
  readonly purpose: string | undefined
  /** Id of the patient whose record it is. */
  readonly patient: string
  readonly onClose: () => void
}) {
  const { entry, names, purpose, patient, onClose } = about
  return (
    <Drawer.Root opened onClose={onClose} position="right" size="lg">
      <Drawer.Overlay />
      <Drawer.Content aria-label={entry.title}>
        <Drawer.Body>
          <Group justify="space-between" wrap="nowrap" mb="sm">
            <Title order={2} size="h4">
              {entry.title}
            </Title>
            <CloseButton aria-label={words.close} onClick={onClose} data-autofocus />
          </Group>
          <Tabs defaultValue="words" keepMounted={false}>
            <Tabs.List>
              <Tabs.Tab value="words">{words.words}</Tabs.Tab>
              <Tabs.Tab value="raw">{words.raw}</Tabs.Tab>
              <Tabs.Tab value="versions">{words.versions}</Tabs.Tab>
              <Tabs.Tab value="kept">{words.kept}</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="words" pt="sm">
              <Words entry={entry} names={names} />
            </Tabs.Panel>
            <Tabs.Panel value="raw" pt="sm">
              <Raw resource={entry.resource} />
            </Tabs.Panel>
            <Tabs.Panel value="versions" pt="sm">
              <Versions name={entry.name} purpose={purpose} />
            </Tabs.Panel>
            <Tabs.Panel value="kept" pt="sm">
              <Kept patient={patient} resource={entry.resource} />
            </Tabs.Panel>
          </Tabs>
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  )
}

function Words({ entry, names }: { readonly entry: ChartEntry; readonly names: Chart['names'] }) {
  const { resource, labels } = entry
  const people = peopleIn(resource, names)
  const narrative = narrativeOf(resource)
  return (
    <Stack gap="sm">
      {labels.length > 0 && (
        <Group gap="xs" aria-label={words.labels}>
          {labels.map((label) => (
            <Badge key={label} variant="outline" color="gray" tt="none">
              {label}
            </Badge>
          ))}
        </Group>
      )}
      <Table>
        <Table.Tbody>
          {described(resource, names).map(([name, text]) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" w="30%">
                {name}
              </Table.Th>
              <Table.Td className="prose">{text}</Table.Td>
            </Table.Tr>
          ))}
          {people.length > 0 && (
            <Table.Tr>
              <Table.Th scope="row">{words.people}</Table.Th>
              <Table.Td>{people.join(', ')}</Table.Td>
            </Table.Tr>
          )}
        </Table.Tbody>
      </Table>
      {narrative !== '' && (
        <section>
          <Title order={3} size="h5">
            {words.narrative}
          </Title>
          <p className="prose">{narrative}</p>
        </section>
      )}
      {attachedTo(resource).map((one, at) => (
        <AttachedView key={`${String(at)} ${one.title}`} one={one} />
      ))}
    </Stack>
  )
}

function AttachedView({ one }: { readonly one: Attached }) {
  const { title, type, text, picture, octets } = one
  const name = title === '' ? words.attached : title
  return (
    <section>
      <Title order={3} size="h5">
        {name}
      </Title>
      {text !== undefined && <p className="prose document">{text}</p>}
      {picture !== undefined && <img className="attached" src={picture} alt={name} />}
      {text === undefined && picture === undefined && (
        <Text c="dimmed">{filled(words.unshown, { type, size: scaled(octets, 'B') })}</Text>
      )}
    </section>
  )
}

export const Raw = ({ resource }: { readonly resource: Resource }) => (
  <Code block tabIndex={0} role="region" aria-label={words.raw}>
    {JSON.stringify(resource, undefined, 2)}
  </Code>
)

function Versions(about: { readonly name: string; readonly purpose: string | undefined }) {
  const { name, purpose } = about
  const past = useQuery({
    queryKey: ['past', name, purpose],
    queryFn: () => askFhir({ method: 'GET', url: `${name}/_history?_count=100` }, purpose),
    staleTime: Infinity,
  })
  return (
    <Answer to={past}>
      {(bundle) => {
        const versions = resourcesIn(bundle)
        return (
          <Stack gap="xs">
            {versions.length <= 1 && <Text c="dimmed">{words.versionsNone}</Text>}
            {versions.map((resource) => {
              const meta = fieldsOf(resource['meta'])
              const version = textIn(meta['versionId']) ?? '?'
              const at = timeOf(Date.parse(textIn(meta['lastUpdated']) ?? ''))
              return (
                <details key={version}>
                  <summary>{filled(words.version, { version, at })}</summary>
                  <Raw resource={resource} />
                </details>
              )
            })}
          </Stack>
        )
      }}
    </Answer>
  )
}

/** How a version is sealed here, and under which keys it went elsewhere. */
function Kept({ patient, resource }: { readonly patient: string; readonly resource: Resource }) {
  const sent = useSent(patient)
  const written = Date.parse(textIn(fieldsOf(resource['meta'])['lastUpdated']) ?? '')
  return (
    <Stack gap="sm">
      <Text>{words.sealed}</Text>
      <Text>{words.notQuantum}</Text>
      <Title order={3} size="h5">
        {words.carried}
      </Title>
      <Answer to={sent}>
        {(answer) => {
          // A transfer takes the newest versions there are when it begins.
          const carried = sentIn(answer).filter(({ begun }) => Date.parse(begun) >= written)
          return carried.length === 0 ? (
            <Text c="dimmed">{words.carriedNone}</Text>
          ) : (
            carried.map((one) => <SentOne key={one.id} one={one} />)
          )
        }}
      </Answer>
    </Stack>
  )
}

/** The text of a narrative, block by block. */
function narrativeOf(resource: Resource): string {
  const markup = textIn(fieldsOf(resource['text'])['div'])
  if (markup === undefined) return ''
  const page = new DOMParser().parseFromString(markup, 'text/html')
  for (const one of page.querySelectorAll('script, style')) one.remove()
  for (const one of page.querySelectorAll(BLOCKS)) one.append('\n')
  return page.body.textContent
    .replaceAll(/[ \t]+/g, ' ')
    .replaceAll(/\s*\n\s*/g, '\n')
    .trim()
}

const BLOCKS = 'p, div, li, tr, br, h1, h2, h3, h4, h5, h6'
