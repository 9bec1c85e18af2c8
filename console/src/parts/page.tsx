/**
 * The frame of a screen: title, what it is about, and the command that says the same.
 *
 * @module
 */

import { ActionIcon, Code, CopyButton, Group, Stack, Text, Title, Tooltip } from '@mantine/core'
import type { ReactNode } from 'react'
import { texts } from '../texts.ts'
import { CopyIcon, DoneIcon } from './icons.tsx'

export function Page(about: {
  readonly title: string
  readonly below?: string
  readonly command?: string
  readonly children: ReactNode
}) {
  const { title, below, command, children } = about
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-end">
        <div>
          <Title order={1} size="h3">
            {title}
          </Title>
          {below !== undefined && <Text c="dimmed">{below}</Text>}
        </div>
        {command !== undefined && <Command line={command} />}
      </Group>
      {children}
    </Stack>
  )
}

/** A command line that does what the screen does. */
export function Command({ line }: { readonly line: string }) {
  return (
    <Group gap={4} wrap="nowrap" aria-label={texts.commandLine}>
      <Code>{line}</Code>
      <CopyButton value={line}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? texts.copied : texts.copy}>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label={copied ? texts.copied : texts.copy}
              onClick={copy}
            >
              {copied ? <DoneIcon /> : <CopyIcon />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  )
}

/** Nothing is here yet, and how something comes to be. */
export function Empty(about: {
  readonly text: string
  readonly how?: string
  readonly command?: string
}) {
  const { text, how, command } = about
  return (
    <Stack gap="xs" align="center" py="xl">
      <Text>{text}</Text>
      {how !== undefined && <Text c="dimmed">{how}</Text>}
      {command !== undefined && <Command line={command} />}
    </Stack>
  )
}
