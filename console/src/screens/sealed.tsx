/**
 * A sealed site: what that means, how far the unsealing is, and a place to give a passphrase or a share.
 *
 * What is typed goes to the daemon and nowhere else, and out of the page as soon as it was sent.
 *
 * @module
 */

import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { SealView } from '#contract'
import { ask } from '../api.ts'
import { Answer, Refused } from '../parts/answer.tsx'
import { Page } from '../parts/page.tsx'
import { filled, texts } from '../texts.ts'

const words = texts.seal

export function Sealed(): ReactNode {
  const seal = useSeal()
  return (
    <Page title={words.title} below={words.below} command="photonward unseal">
      <Answer to={seal}>
        {(view) => (
          <Stack maw={560}>
            <Text role="status" fw={600}>
              {standingOf(view)}
            </Text>
            {view.refused > 0 && <Text>◆ {filled(words.refused, { count: view.refused })}</Text>}
            {view.state === 'sealed' && <Opening form={view.form} />}
          </Stack>
        )}
      </Answer>
    </Page>
  )
}

/** Whether the site is sealed, and what opens it. */
export const useSeal = () =>
  useQuery({
    queryKey: ['seal'],
    queryFn: () => ask('sealState', {}, null),
    refetchInterval: 2000,
  })

function standingOf({ state, form, threshold, shares, given }: SealView): string {
  if (state === 'opening') return `◐ ${words.opening}`
  if (form !== 'shares') return `▲ ${words.passphrase}`
  const count = { given: given.length, threshold, shares, numbers: given.join(', ') || '–' }
  return `▲ ${filled(words.shares, count)}`
}

function Opening({ form }: Pick<SealView, 'form'>) {
  const [secret, setSecret] = useState('')
  const client = useQueryClient()
  const give = useMutation({
    mutationFn: () => ask('unseal', {}, { secret: secret.trim() }, true),
    onSettled: () => {
      setSecret('')
      return client.invalidateQueries({ queryKey: ['seal'] })
    },
  })
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        give.mutate()
      }}
    >
      <Group align="flex-end">
        <PasswordInput
          label={form === 'shares' ? words.share : words.phrase}
          description={words.how}
          autoComplete="off"
          value={secret}
          onChange={({ currentTarget }) => setSecret(currentTarget.value)}
          required
          flex={1}
        />
        <Button type="submit" loading={give.isPending}>
          {words.give}
        </Button>
      </Group>
      {give.error !== null && <Refused error={give.error} />}
    </form>
  )
}
