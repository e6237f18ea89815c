"""`python -m jetson_deploy`."""

from jetson_deploy.cli.main import main

if __name__ == "__main__":
    main()
