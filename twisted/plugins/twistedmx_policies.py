"""The policies that come with twistedmx. Every start of any twistd may import this: what they are made of is loaded when they are."""

from twistedmx.policy.plugin import PolicyMaker

empty_message = PolicyMaker("empty-message", "twistedmx.policy.empty_message.EmptyMessage")
helo = PolicyMaker("helo", "twistedmx.policy.helo.Helo")
