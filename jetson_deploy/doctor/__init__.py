"""`jetson-deploy doctor`: what is wrong with this host, its engine, store and deployment; worst first.

finding.py  what is reported
"""
