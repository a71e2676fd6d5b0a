"""What is the same for every AWS service that is asked over the proxy's own links (docs/adr/0012, 0024).

Who the proxy is to AWS, where a service is, and what the codes of failures mean that all services have.
"""
