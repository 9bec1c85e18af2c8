/**
 * The settings of a site: what the file says, what is left to its default, and whether that runs.
 *
 * @module
 */

import { Code, Stack, Table, Text } from '@mantine/core'
import type { SettingsView } from '#contract'
import { grouped } from '../format.ts'
import { filled } from '../texts.ts'
import { siteTexts } from '../texts-site.ts'
import { Wide } from './wide.tsx'

const words = siteTexts.site

export function Settings({ settings }: { readonly settings: SettingsView }) {
  const { file, members, needsRestart, flaws } = settings
  const written = members.filter(({ isDefault }) => !isDefault)
  return (
    <Stack gap="xs">
      <Text c="dimmed">{words.settingsHow}</Text>
      <Text>
        <Code>{file}</Code> · {needsRestart ? words.settingsOther : words.settingsNow}
      </Text>
      {flaws.map(({ says, next }) => (
        <Text key={says}>
          ◆ {says}: {next}
        </Text>
      ))}
      <details>
        <summary>{filled(words.settingsOwn, { count: grouped(written.length) })}</summary>
        <Members of={written} />
      </details>
      <details>
        <summary>{filled(words.settingsAll, { count: grouped(members.length) })}</summary>
        <Members of={members} />
      </details>
    </Stack>
  )
}

const Members = ({ of: members }: { readonly of: SettingsView['members'] }) => (
  <Wide least={480}>
    <Table.Tbody>
      {members.map(({ member, value, isDefault }) => (
        <Table.Tr key={member}>
          <Table.Th scope="row">{member}</Table.Th>
          <Table.Td className="value">{value}</Table.Td>
          <Table.Td>{isDefault ? words.settingsDefault : words.settingsWritten}</Table.Td>
        </Table.Tr>
      ))}
    </Table.Tbody>
  </Wide>
)
