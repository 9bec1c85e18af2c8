/**
 * Asks for a second factor: a code, a passkey, or a provider outside that is asked again.
 *
 * @module
 */

import { Button, Group, Stack, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import type { SubmitEvent } from 'react'
import { knowsPasskeys } from '../passkeys.ts'
import { askOutside, askPasskey, signInMeans, type Factor } from '../sign-in.ts'
import { filled } from '../texts.ts'
import { signInTexts } from '../texts-sign-in.ts'
import { Refused } from './answer.tsx'

const words = signInTexts.factor

/** What there is at this address. */
export const useMeans = () =>
  useQuery({ queryKey: ['sign-in-means'], queryFn: signInMeans, staleTime: Infinity })

/** Whether a passkey can be asked for here. */
export function useHasPasskeys(): boolean {
  const { data } = useMeans()
  return data !== undefined && data.passkey !== null && knowsPasskeys()
}

export function SecondFactor(about: {
  /** Shows it to the daemon. */
  readonly show: (factor: Factor) => Promise<unknown>
  readonly onShown: () => void
  /** What the button says. */
  readonly label: string
  /** Whether a provider outside may be asked again instead. */
  readonly asksOutside?: boolean
}) {
  const { show, onShown, label, asksOutside = false } = about
  const { data: means } = useMeans()
  const hasPasskeys = useHasPasskeys()
  const showing = useMutation({
    mutationFn: async (how: { code: string } | { provider: string } | 'passkey') => {
      if (how === 'passkey') await show({ passkey: await askPasskey() })
      else if ('provider' in how) await askOutside(how.provider)
      else await show(how)
    },
    onSuccess: onShown,
  })
  const enter = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault()
    event.stopPropagation()
    const code = new FormData(event.currentTarget).get('code')
    if (typeof code === 'string') showing.mutate({ code: code.trim() })
  }
  return (
    <form onSubmit={enter} autoComplete="off">
      <Stack gap="xs">
        <Group align="flex-end">
          <TextInput
            {...{ name: 'code', label: words.code, inputMode: 'numeric', required: true }}
            autoComplete="one-time-code"
            data-autofocus
          />
          <Button type="submit" loading={showing.isPending}>
            {label}
          </Button>
        </Group>
        <Group>
          {hasPasskeys && (
            <Button variant="default" onClick={() => showing.mutate('passkey')}>
              {words.passkey}
            </Button>
          )}
          {asksOutside &&
            means?.providers.map(({ name, title }) => (
              <Button
                key={name}
                variant="default"
                onClick={() => showing.mutate({ provider: name })}
              >
                {filled(words.again, { title })}
              </Button>
            ))}
        </Group>
        {showing.error !== null && <Refused error={showing.error} />}
      </Stack>
    </form>
  )
}
