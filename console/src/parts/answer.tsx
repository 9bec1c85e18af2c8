/**
 * What a question to the daemon has become: still asked, refused, or answered.
 *
 * @module
 */

import { Button, Paper, Skeleton, Text } from '@mantine/core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiRefusal } from '../api.ts'
import { texts } from '../texts.ts'
import { Command } from './page.tsx'

export function Answer<T>(about: {
  readonly to: UseQueryResult<T>
  readonly children: (answer: T) => ReactNode
}) {
  const { to, children } = about
  if (to.data !== undefined) return <>{children(to.data)}</>
  if (to.error === null) return <Skeleton height={120} role="status" aria-label={texts.asking} />
  return <Refused error={to.error} onRetry={() => void to.refetch()} />
}

/** What was refused, and what may help. */
export function Refused(about: { readonly error: Error; readonly onRetry?: () => void }) {
  const { error, onRetry } = about
  const code = error instanceof ApiRefusal ? error.code : 'INTERNAL'
  const help = texts.error[code]
  return (
    <Paper withBorder p="sm" role="alert" className="notice">
      <Text fw={600}>{code === 'UNREACHABLE' ? texts.unreachable : error.message}</Text>
      {help !== undefined && <Text>{help}</Text>}
      {code === 'UNREACHABLE' && <Command line="photonward doctor" />}
      <Text component="span" c="dimmed" size="sm">
        {code}
      </Text>
      {onRetry !== undefined && (
        <Button variant="default" size="xs" ml="md" onClick={onRetry}>
          {texts.retry}
        </Button>
      )}
    </Paper>
  )
}
