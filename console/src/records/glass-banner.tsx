/**
 * Says on every screen that the glass is broken, over whom, and for how long still.
 *
 * @module
 */

import { Button, Group, Paper, Text } from '@mantine/core'
import { useEffect, useState } from 'react'
import { AnchorLink } from '../parts/anchor-link.tsx'
import { recordTexts } from '../texts-records.ts'
import { filled } from '../texts.ts'
import { useEndGlass } from './end-glass.ts'
import { useGrants, type Grant } from './grants.ts'
import { handleFor } from './handles.ts'

const words = recordTexts.glass

export function GlassBanner() {
  const grants = useGrants()
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const ticking = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(ticking)
  }, [])
  return grants
    ?.filter(({ expiresAt }) => expiresAt > now)
    .map((grant) => <Open key={grant.grant} grant={grant} now={now} />)
}

function Open({ grant, now }: { readonly grant: Grant; readonly now: number }) {
  const end = useEndGlass()
  const left = Math.ceil((grant.expiresAt - now) / 1000)
  const time = `${String(Math.floor(left / 60))}:${String(left % 60).padStart(2, '0')}`
  const [, id = ''] = grant.patient.split('/')
  return (
    <Paper withBorder p="sm" mb="md" className="notice" role="region" aria-label={words.broken}>
      <Group justify="space-between">
        <div>
          <Text fw={600}>▲ {words.broken}</Text>
          <Text>
            {words.watched}{' '}
            <AnchorLink
              {...{ to: '/records/$record', params: { record: handleFor(id) } }}
              underline="always"
            >
              {words.record}
            </AnchorLink>
          </Text>
        </div>
        <Group>
          <Text role="timer" className="figure">
            {filled(words.left, { time })}
          </Text>
          <Button
            variant="default"
            size="xs"
            loading={end.isPending}
            onClick={() => end.mutate(grant)}
          >
            {words.end}
          </Button>
        </Group>
      </Group>
      {end.error !== null && <Text role="alert">{end.error.message}</Text>}
    </Paper>
  )
}
