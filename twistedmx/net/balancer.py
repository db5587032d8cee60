"""Which hosts may say who the client is that they speak for. Whoever is listed can be anybody: list balancers alone."""

import attrs

from twistedmx.setting import setting


@attrs.frozen(kw_only=True)
class BalancerSettings:
    """Settings `[balancer]`."""

    proxy_from: tuple[str, ...] = setting(
        (),
        unit="networks",
        why="Balancers whose every connection begins with a header of the PROXY protocol (1 or 2); without one it is closed.",
        precedent="Postfix smtpd_upstream_proxy_protocol, Exim hosts_proxy, Haraka haproxy_hosts",
    )
    xclient_from: tuple[str, ...] = setting(
        (),
        unit="networks",
        why="Proxies and filters that may say XCLIENT, as nginx's mail proxy does; to others it is an unknown command.",
        precedent="Postfix smtpd_authorized_xclient_hosts",
    )
