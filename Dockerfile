# The image of every service of docker-compose.yaml: Airflow's own, with this project's lock and code on top.
FROM apache/airflow:3.3.2-python3.12

USER root
# Named volumes take their owner from these folders.
RUN install -d -o airflow -g root /opt/seller-orders /var/lib/seller-orders/raw /var/lib/seller-orders/fake_amazon
USER airflow
WORKDIR /opt/seller-orders

COPY --chown=airflow:root requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY --chown=airflow:root pyproject.toml README.md ./
COPY --chown=airflow:root include ./include
COPY --chown=airflow:root dags ./dags
COPY --chown=airflow:root plugins ./plugins
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .
# What the scheduler imports once, every task that it forks has already.
RUN install -d /opt/airflow/config && echo "import include.orchestration.preload" > /opt/airflow/config/airflow_local_settings.py
