/**
 * Where a one-time link leads. What follows # in it is taken out of the address at once.
 *
 * @module
 */

import { Center, Paper, Stack, Text, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { logIn } from '../api.ts'
import { Refused } from '../parts/answer.tsx'
import { Command } from '../parts/page.tsx'
import { texts } from '../texts.ts'

/** Taken once, before anything is drawn: a link is good once, and effects may run twice. */
const ticket = location.pathname === '/login' ? location.hash.slice(1) : ''
if (ticket !== '') history.replaceState(history.state, '', '/login')
let entering = ticket === '' ? undefined : logIn(ticket)

export function Login() {
  const [refused, setRefused] = useState<Error>()
  const [isEntering] = useState(entering !== undefined)
  const navigate = useNavigate()
  const client = useQueryClient()
  useEffect(() => {
    const entry = entering
    entering = undefined
    entry?.then(
      () => {
        client.clear()
        void navigate({ to: '/', replace: true })
      },
      (error: unknown) => setRefused(error as Error),
    )
  }, [client, navigate])
  const isGoing = isEntering && refused === undefined
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" maw={480}>
        <Stack>
          <Title order={1} size="h3">
            {isGoing ? texts.login.going : texts.login.title}
          </Title>
          {refused !== undefined && <Refused error={refused} />}
          {!isGoing && (
            <>
              <Text>{refused === undefined ? texts.login.how : texts.login.unused}</Text>
              <Command line="photonward console" />
            </>
          )}
        </Stack>
      </Paper>
    </Center>
  )
}
